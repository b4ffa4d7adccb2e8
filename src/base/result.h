// base/result.h — how every room says that something did not work: a code for the caller, a sentence for the operator.
//
// The code is sorted by what the caller does next; HTTP status, retry and quarantine are one table each over it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace waybill {

enum class Code {
  invalid,      // reject, never retry
  denied,       // reject
  not_found,    // the caller decides
  conflict,     // re-read, then retry
  overloaded,   // back off, retry: a named limit or the disk is full
  unavailable,  // back off, retry: something that we need does not answer
  corrupt,      // quarantine and alarm: bytes are not what was written
};

std::string_view to_string(Code code);

struct Error {
  Code code;
  std::string message;  // doing what, on what, why

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// Passes an error on with the place it crossed in front: "open_store: data/store: LOCK held".
inline std::unexpected<Error> fail_in(std::string_view place, Error error) {
  error.message.insert(0, std::string(place) + ": ");
  return std::unexpected(std::move(error));
}

#define WAYBILL_JOIN_(a, b) a##b
#define WAYBILL_JOIN(a, b) WAYBILL_JOIN_(a, b)

// TRY(expr): returns the error of a Result<void> (or drops the value) to our caller.
#define TRY(...)                                                   \
  do {                                                             \
    if (auto try_result = (__VA_ARGS__); !try_result) [[unlikely]] \
      return std::unexpected(std::move(try_result.error()));       \
  } while (false)

// TRY_LET(auto x, expr): declares x from the value, or returns the error to our caller.
#define TRY_LET(declaration, ...)                                                   \
  auto WAYBILL_JOIN(try_result_, __LINE__) = (__VA_ARGS__);                         \
  if (!WAYBILL_JOIN(try_result_, __LINE__)) [[unlikely]]                            \
    return std::unexpected(std::move(WAYBILL_JOIN(try_result_, __LINE__).error())); \
  declaration = std::move(*WAYBILL_JOIN(try_result_, __LINE__))

}  // namespace waybill

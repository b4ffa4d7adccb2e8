#include "serve/incoming.h"

#include <algorithm>

#include "wire/compression.h"
#include "wire/json_out.h"

namespace waybill::serve {
namespace {

bool of_deliverer(const Request& request) { return request.who && request.who->role == Role::deliverer; }

}  // namespace

ingest::Batch& empty_batch(const ingest::Acceptor& acceptor) {
  thread_local ingest::Batch one;
  one.clear();
  one.judge_by(acceptor.erased());
  return one;
}

bool is_of_type(std::string_view content_type, std::string_view type) {
  if (content_type.size() < type.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (!std::ranges::equal(content_type.substr(0, type.size()), type, {}, lower)) return false;
  return content_type.size() == type.size() || content_type[type.size()] == ';' || content_type[type.size()] == ' ';
}

Reply unsupported(std::string_view field, std::string_view expected) {
  return reply_of(Problem{.status = 415,
                          .detail = "the body's form is not one that we read",
                          .field = std::string(field),
                          .expected = std::string(expected)});
}

std::expected<std::string_view, Reply> plain_body(const Request& request, std::string& unpacked) {
  const std::string_view encoding = request.header("Content-Encoding");
  auto compression = wire::Compression::none;
  if (encoding == "gzip" || encoding == "x-gzip")
    compression = wire::Compression::gzip;
  else if (encoding == "zstd")
    compression = wire::Compression::zstd;
  else if (!encoding.empty() && encoding != "identity")
    return std::unexpected(unsupported("Content-Encoding", "gzip, zstd or none"));
  if (compression == wire::Compression::none) return request.body;
  Result<std::string> plain = wire::decompress(request.body, compression, unpacked_bytes_max);
  if (!plain && plain.error().code == Code::overloaded)
    return std::unexpected(
        reply_of(Problem{.status = 413,
                         .detail = "the body " + plain.error().message,
                         .field = "body",
                         .expected = "at most " + std::to_string(unpacked_bytes_max) + " bytes when unpacked"}));
  if (!plain)
    return std::unexpected(reply_of(Problem{.status = 400,
                                            .detail = plain.error().message,
                                            .field = "body",
                                            .expected = "what Content-Encoding says, to its end"}));
  unpacked = std::move(*plain);
  return unpacked;
}

wire::InputOptions input_options(const ApiParts& parts, const Request& request) {
  return {.naive_offset = parts.options.naive_offset,
          .received_at = parts.clock.now(),
          .idempotency_key = {},
          .deliverer = of_deliverer(request) ? request.who->subject : std::string()};
}

std::optional<wire::ItemFailure> what_others_carry(const ApiParts& parts, const Request& request,
                                                   const Location& location) {
  if (!of_deliverer(request) || !location.order) return std::nullopt;
  const auto view = parts.store.order(*location.order);
  if (!view || !*view || !is_of_others((*view)->order, request.who->subject)) return std::nullopt;
  wire::JsonWriter raw;
  wire::write_location(raw, location);
  return wire::ItemFailure{.field = "order_id",
                           .reason = "is an order of another deliverer",
                           .raw = raw.take(),
                           .missing = false,
                           .denied = true};
}

void tell_denied(const ApiParts& parts, const Request& request, const wire::ItemFailure& failure) {
  if (failure.denied)
    parts.audit.denied({.address = std::string(request.address),
                        .who = request.who ? request.who->name() : std::string(),
                        .what = "write for another",
                        .status = 403,
                        .why = failure.field + " " + failure.reason});
}

}  // namespace waybill::serve

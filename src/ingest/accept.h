// ingest/accept.h — the door: takes records into custody by appending them to the journal, or to a line that is the journal.
//
// Delivery: what accept() took is durable after the journal's next commit(); only then may anybody be told 2xx. What a line took is.
// Threads:  from any thread.
// Failure:  as Journal::append(): overloaded took nothing; or as the line's offer().
// Erased:   of what names somebody who was erased only the remains go into the journal; its sender is answered as always.
#pragma once

#include <array>
#include <functional>
#include <span>

#include "base/metrics.h"
#include "journal/journal.h"
#include "wire/erased_names.h"

namespace waybill::ingest {

// Records that are on their way into the journal, in its form from the moment that they are added.
class Batch {
 public:
  // `erased` outlives the batch; null: nobody is.
  explicit Batch(const wire::ErasedNames* erased = nullptr) { judge_by(erased); }
  void judge_by(const wire::ErasedNames* erased) {
    erased_ = erased;
    generation_ = erased ? erased->generation() : 0;
  }

  void add(const Location& location);
  void add(const wire::Record& record);
  size_t size() const { return records_.size(); }
  // Empty, with its memory for the next records, or without it where that is more than kept_bytes_max.
  void clear();

 private:
  friend class Acceptor;
  static constexpr size_t kept_bytes_max = 1 << 20;
  void put(const wire::Record& record);

  const wire::ErasedNames* erased_ = nullptr;
  uint64_t generation_ = 0;  // of erased_, when the batch began
  journal::Records records_;
  std::array<uint64_t, std::variant_size_v<wire::Record>> counts_{};  // by kind
};

class Acceptor {
 public:
  Acceptor(journal::Journal& journal, Metrics& metrics, const wire::ErasedNames* erased = nullptr);

  // Positions in the order of the records.
  Result<journal::Appended> accept(const Batch& batch);
  Result<journal::Appended> accept(std::span<const wire::Record> records);
  // From now on nothing is taken: unavailable, with this reason. Before anybody accepts.
  void close(std::string why) { closed_because_ = std::move(why); }
  // From now on it goes there, and to the journal from there, without the names of those who were erased. Before anybody accepts.
  using Offer = std::function<Result<journal::Appended>(const journal::Records& records)>;
  void offer_to(Offer line) { line_ = std::move(line); }
  const wire::ErasedNames* erased() const { return erased_; }
  // An answer other than 2xx: counted at the door only.
  void count_rejected(uint64_t items) { rejected_.add(items); }

 private:
  Result<journal::Appended> append(const Batch& batch);

  journal::Journal& journal_;
  const wire::ErasedNames* const erased_;
  std::string closed_because_;
  Offer line_;
  Counter& locations_;
  Counter& commands_;
  Counter& quarantined_;
  Counter& grants_;
  Counter& hooks_;
  Counter& erasures_;
  Counter& remains_;
  Counter& rejected_;
};

}  // namespace waybill::ingest

// ingest/accept.h — the door: takes records into custody by appending them to the journal.
//
// Delivery: what accept() took is durable after the journal's next commit(); only then may anybody be told 2xx.
// Threads:  from any thread.
// Failure:  as Journal::append(): overloaded took nothing.
#pragma once

#include <span>

#include "base/metrics.h"
#include "journal/journal.h"
#include "wire/record.h"

namespace waybill::ingest {

class Acceptor {
 public:
  Acceptor(journal::Journal& journal, Metrics& metrics);

  // Positions in the order of the records.
  Result<journal::Appended> accept(std::span<const wire::Record> records);
  // An answer other than 2xx: counted at the door only.
  void count_rejected(uint64_t items) { rejected_.add(items); }

 private:
  journal::Journal& journal_;
  Counter& locations_;
  Counter& commands_;
  Counter& quarantined_;
  Counter& grants_;
  Counter& rejected_;
};

}  // namespace waybill::ingest

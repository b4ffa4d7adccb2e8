// ingest/feed.h — who wants to know what happened, as soon as reads show it.
//
// Order:   by position. Events are told once each while this process runs; what was told before a stop is not told again,
//          and what nobody wanted is not told later: who needs more reads the store.
// Threads: the subscriber's; both methods are quick and never wait.
#pragma once

#include <span>

#include "domain/event.h"

namespace waybill::ingest {

class Feed {
 public:
  virtual ~Feed() = default;
  // Whether anybody listens: where nobody does, nothing is made for it.
  virtual bool wanted() const = 0;
  // Reads show these already.
  virtual void tell(std::span<const Event> events) = 0;
  // Somebody began to listen while a batch was taken that nothing was made of.
  virtual void missed() = 0;
};

}  // namespace waybill::ingest

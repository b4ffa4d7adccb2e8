// ingest/phone_words.h — what phones last said of themselves, for when nothing is heard of an order.
//
// Order:   a phone's newest word counts. Nothing of it is on the disk until an order is said to be silent with it.
// Threads: all methods from any thread.
// Limits:  words_max phones are remembered; those that said nothing for longest are forgotten first.
#pragma once

#include <list>
#include <map>
#include <string>
#include <string_view>

#include "base/guarded.h"
#include "ingest/accept.h"
#include "store/store.h"
#include "wire/phones/phone_in.h"

namespace waybill::ingest {

class PhoneWords {
 public:
  static constexpr size_t words_max = 10'000;

  // A status is said. Where its deliverer's orders are silent already, that they are so for this reason goes into the batch.
  void hear(const wire::PhoneWord& word, const store::Store& store, Time now, Batch& batch);
  // An empty reason: all is well with it again.
  void say(const std::string& deliverer, const std::string& reason, Time now);
  // What it said since then; empty where it said nothing.
  std::string since(const std::string& deliverer, Time since) const;

 private:
  struct Word {
    std::string deliverer;
    std::string reason;
    Time at;
  };
  struct Words {
    std::list<Word> by_time;  // the latest first
    std::map<std::string, std::list<Word>::iterator, std::less<>> by_deliverer;
  };
  mutable Guarded<Words> words_;
};

}  // namespace waybill::ingest

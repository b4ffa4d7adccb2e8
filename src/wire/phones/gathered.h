// wire/phones/gathered.h — a sink that keeps everything, for tests.
#pragma once

#include "wire/phones/phone_in.h"

namespace waybill::wire {

class Gathered final : public PhoneSink {
 public:
  void take(Location& location) override { locations.push_back(std::move(location)); }
  void take(ItemFailure failure) override { failures.push_back(std::move(failure)); }
  void hear(PhoneWord word) override { words.push_back(std::move(word)); }

  std::vector<Location> locations;
  std::vector<ItemFailure> failures;
  std::vector<PhoneWord> words;
};

}  // namespace waybill::wire

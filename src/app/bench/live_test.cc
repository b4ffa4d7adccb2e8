#include "app/bench/live.h"

#include <gtest/gtest.h>

namespace waybill::app::bench {
namespace {

constexpr std::string_view stream =
    "retry: 2310\n\n"
    "id: 1-0-41\nevent: snapshot\ndata: {\"last\":{\"sent_us\":1}}\n\n"
    "id: 1-0-42\nevent: location\ndata: {\"location\":{\"sent_us\":22}}\n\n"
    ": alive\n\n"
    "id: 1-0-43\nevent: state\ndata: {\"state\":\"x\"}\n\n"
    "id: 1-0-44\nevent: correction\ndata: {\"location\":{\"sent_us\":333}}\n\n"
    "id: 1-0-45\nevent: location\ndata: {\"location\":{\"sent_us\":4";

TEST(BenchLive, reads_each_event_once_whatever_the_pieces_it_comes_in) {
  for (size_t bytes = 1; bytes <= stream.size(); ++bytes) {
    EventReader reader;
    std::vector<uint64_t> told;
    for (size_t at = 0; at < stream.size(); at += bytes)
      reader.take(stream.substr(at, bytes), [&](uint64_t sent_us) { told.push_back(sent_us); });
    EXPECT_EQ(told, (std::vector<uint64_t>{22, 333})) << "in pieces of " << bytes;
  }
}

}  // namespace
}  // namespace waybill::app::bench

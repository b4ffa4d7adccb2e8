// Any bytes as what a connection sends, cut anywhere, while the disk, the store and the pool answer in any order: the same
// requests reach the handlers however the bytes are cut, replies leave in their order, and nothing grows without bound.
// The first byte is the seed of the cuts.
#include <cstdint>

#include "base/random.h"
#include "serve/talk.h"

namespace {

using namespace waybill;
using namespace waybill::serve;

constexpr size_t input_bytes_max = 48 << 10;  // below the longest line, whose refusal depends on how it is cut

ConversationLimits small_limits() {
  ConversationLimits limits;
  limits.parser = {.header_bytes_max = 2 << 10, .header_fields_max = 20, .body_bytes_max = 20 << 10};
  limits.inline_body_bytes_max = 1 << 10;
  return limits;
}

// Handlers number their replies.
void check_order(std::string_view said) {
  constexpr std::string_view mark = "\r\nNumber: ";
  unsigned long before = 0;
  for (size_t at = said.find(mark); at != std::string_view::npos; at = said.find(mark, at + 1)) {
    const unsigned long number = std::stoul(std::string(said.substr(at + mark.size(), 12)));
    CHECK(number > before, "replies leave in the order of their requests");
    before = number;
  }
}

void end(Talk& talk) {
  talk.conversation.abandon();
  CHECK(talk.body_bytes == 0, "what was taken for bodies is given back");
}

std::vector<Asked> in_one_piece(std::string_view bytes) {
  Talk talk(small_limits());
  check_order(talk.say(bytes));
  end(talk);
  return talk.asked;
}

std::vector<Asked> in_pieces(std::string_view bytes, Random& random) {
  Talk talk(small_limits());
  while (!bytes.empty() && (talk.conversation.wants_input() || talk.serve_one())) {
    const size_t piece = 1 + random.below(random.chance(0.5) ? 4 : 300);
    bytes.remove_prefix(talk.offer(bytes.substr(0, piece)));
    while (random.chance(0.7) && talk.serve_one()) {
    }
  }
  talk.serve_all();
  check_order(talk.said);
  end(talk);
  return talk.asked;
}

// Now also time passes, commits fail, clients leave.
void with_trouble(std::string_view bytes, Random& random) {
  Talk talk(small_limits());
  for (int steps = 0; steps < 4000 && !talk.conversation.over(); ++steps) {
    switch (random.below(12)) {
      case 0: talk.time += std::chrono::milliseconds(random.below(40'000)); break;
      case 1: talk.conversation.sweep(); break;
      case 2:
        if (std::exchange(talk.held, false)) talk.conversation.committed(Committed::no);
        break;
      case 3:
        if (bytes.empty()) talk.conversation.peer_finished();
        break;
      case 4:
        if (random.chance(0.02)) talk.conversation.drain();
        break;
      case 5:
      case 6:
      case 7: talk.serve_one(); break;
      default: bytes.remove_prefix(talk.offer(bytes.substr(0, 1 + random.below(100)))); break;
    }
  }
  check_order(talk.said);
  end(talk);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > input_bytes_max) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Random random(data[0]);
  CHECK(in_one_piece(bytes) == in_pieces(bytes, random), "the same requests, however the bytes are cut");
  with_trouble(bytes, random);
  return 0;
}

#include "ingest/relay.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds idle_wait{200};
constexpr std::chrono::milliseconds answer_wait{20};
constexpr std::chrono::milliseconds retry_wait_first{50};
constexpr std::chrono::milliseconds retry_wait_max{2000};
constexpr std::chrono::milliseconds note_every{500};
constexpr std::string_view relayed_words = "waybill relayed 1 below ";
constexpr uint64_t foreign_looked_at_max = 1000;  // messages at the end of a line that are none of ours

bool helps_to_wait(const Error& error) { return error.code == Code::unavailable || error.code == Code::overloaded; }

}  // namespace

Relay::Relay(journal::Source& journal, broker::Broker& broker, RelayOptions options, Clock& clock, Metrics& metrics)
    : journal_(journal),
      broker_(broker),
      options_(std::move(options)),
      clock_(clock),
      line_{.topic = options_.topic, .partition = journal.partition()},
      records_(metrics.counter("waybill_relay_records_total", "journal records sent to the broker")),
      parcels_(metrics.counter("waybill_relay_parcels_total", "messages sent to the broker, each of several records")),
      again_(metrics.counter("waybill_relay_sent_again_total", "times that followers missed something or were silent")),
      foreign_(metrics.counter("waybill_relay_foreign_total", "messages on our lines that are none of ours")),
      lag_(metrics.gauge("waybill_relay_lag_records", "durable records that are not handed on yet")),
      working_(metrics.gauge("waybill_relay_working", "1 while the broker and all followers answer, else 0")) {
  for (const std::string& follower : options_.followers) marks_[follower] = std::nullopt;
}

Result<void> Relay::run(const std::stop_token& stop) {
  auto retry_wait = retry_wait_first;
  while (!stop.stop_requested()) {
    Result<bool> sent = step(stop);
    if (sent) {
      stands(begun_ ? "" : "not all followers have said where they are");
      retry_wait = retry_wait_first;
      if (!*sent && under_way_.empty()) options_.wait(next_, idle_wait, stop);
      continue;
    }
    stands(sent.error().message);
    if (!helps_to_wait(sent.error())) return fail_in("relay", sent.error());
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
  return note();
}

void Relay::stands(const std::string& why) {
  working_.set(why.empty() ? 1 : 0);
  if (why == stands_) return;
  if (why.empty()) {
    log::info("the relay works", {{"topic", line_.topic}, {"from", next_}});
  } else {
    log::warning("the relay does not get on; the journal keeps what it has", {{"why", why}});
  }
  stands_ = why;
}

// Whether anything was sent.
Result<bool> Relay::step(const std::stop_token& stop) {
  if (!outbox_) TRY(open());
  TRY(confirm());
  bool sent = false;
  while (begun_ && !stop.stop_requested()) {
    TRY_LET(const bool more, send_some());
    if (!more) break;
    sent = true;
  }
  lag_.set(static_cast<double>(journal_.durable_end() - std::min<uint64_t>(handed_on_, journal_.durable_end())));
  if (const auto now = clock_.steady(); handed_on_ != noted_ && now - noted_at_ >= note_every) TRY(note());
  return sent;
}

Result<void> Relay::open() {
  TRY(broker_.make(line_));
  if (broker_.keeps()) {
    TRY_LET(const auto line, broker_.receive_from(line_));
    TRY(go_behind_newest(*line));
  } else {
    TRY_LET(receipts_, broker_.receive_from({.topic = receipts_topic(line_.topic), .partition = line_.partition}));
  }
  TRY_LET(outbox_, broker_.send_to(line_));
  acknowledged_ = 0;
  under_way_.clear();
  moved_ = clock_.steady();
  return {};
}

// Only relays of this journal send parcels on its line; whoever else does is passed over.
Result<void> Relay::go_behind_newest(broker::Inbox& line) {
  TRY_LET(const broker::Places places, line.places());
  uint64_t place = places.end;
  for (uint64_t looked_at = 0; place > places.begin && looked_at < foreign_looked_at_max; ++looked_at) {
    TRY(line.seek(--place));
    std::vector<broker::Message> come;
    for (const auto begun = clock_.steady(); come.empty();) {
      TRY_LET(come, line.receive(idle_wait));
      if (come.empty() && clock_.steady() - begun > options_.patience)
        return fail(Code::unavailable, "the newest message of " + line_.topic + " does not come");
    }
    const auto parcel = decode_parcel(as_bytes(come.front().bytes));
    if (!parcel) continue;
    const Position end{.epoch = parcel->first.epoch, .partition = parcel->first.partition, .offset = parcel->end()};
    if (end.partition != line_.partition)
      return fail(Code::conflict, line_.topic + " has parcels of partition " + std::to_string(end.partition));
    if (const auto checked = journal_.epochs().check_watermark(end.epoch, end.offset); !checked)
      return fail(Code::conflict,
                  "the parcels of " + line_.topic + " are of another journal: " + checked.error().message);
    TRY(check_that_we_have(end.offset, "the topic " + line_.topic));
    next_ = end.offset;
    begun_ = true;
    confirmed(next_);
    return {};
  }
  if (place > places.begin) return fail(Code::conflict, line_.topic + " is full of messages that are none of ours");
  next_ = journal_.begin();
  begun_ = true;
  return {};
}

// Nobody downstream has what the journal does not have.
Result<void> Relay::check_that_we_have(uint64_t below, const std::string& who) {
  if (below > journal_.durable_end()) TRY(journal_.read(below, 1));  // one that is followed looks again
  if (below <= journal_.durable_end()) return {};
  return fail(Code::corrupt, who + " has everything below " + std::to_string(below) + ", the journal ends at " +
                                 std::to_string(journal_.durable_end()) + ": records are gone from its end");
}

Result<bool> Relay::send_some() {
  if (under_way_.size() >= under_way_max) return false;
  TRY_LET(journal::ReadResult read, journal_.read(next_, parcel_bytes_usual));
  if (read.records.empty()) return false;
  const Parcel parcel{.first = journal_.position(next_), .records = std::move(read.records)};
  const auto sent = outbox_->send(std::to_string(line_.partition), as_bytes(encode(parcel)));
  if (!sent && sent.error().code == Code::overloaded) return false;
  TRY(sent);
  if (under_way_.empty()) moved_ = clock_.steady();
  next_ = parcel.end();
  under_way_.push_back(next_);
  records_.add(parcel.records.size());
  parcels_.add();
  return true;
}

Result<void> Relay::confirm() {
  const bool waits = !under_way_.empty() && (under_way_.size() >= under_way_max || journal_.durable_end() <= next_);
  const auto at_most = waits ? answer_wait : std::chrono::milliseconds(0);
  TRY_LET(const uint64_t acknowledged,
          outbox_->acknowledged(acknowledged_, broker_.keeps() ? at_most : std::chrono::milliseconds(0)));
  if (!broker_.keeps()) {
    acknowledged_ = acknowledged;  // which says nothing
    return hear_receipts(begun_ ? at_most : answer_wait);
  }
  for (; acknowledged_ < acknowledged && !under_way_.empty(); ++acknowledged_) confirmed(under_way_.front());
  return {};
}

Result<void> Relay::hear_receipts(std::chrono::milliseconds at_most) {
  TRY_LET(const std::vector<broker::Message> come, receipts_->receive(at_most));
  for (const broker::Message& message : come) {
    const auto receipt = decode_receipt(as_bytes(message.bytes));
    if (receipt && marks_.contains(receipt->follower)) {
      TRY(hear(*receipt));
    } else {
      foreign_.add();
    }
  }
  if (!under_way_.empty() && clock_.steady() - moved_ > options_.patience) go_back();
  return {};
}

Result<void> Relay::hear(const Receipt& receipt) {
  if (receipt.below.partition != line_.partition) {
    foreign_.add();
    return {};
  }
  if (const auto checked = journal_.epochs().check_watermark(receipt.below.epoch, receipt.below.offset);
      !checked && receipt.below.offset > 0)
    return fail(Code::conflict,
                "the follower " + receipt.follower + " has another journal: " + checked.error().message);
  if (receipt.below.offset < journal_.begin())
    return fail(Code::conflict, "the follower " + receipt.follower + " needs the journal from " +
                                    std::to_string(receipt.below.offset) + " on, but it begins at " +
                                    std::to_string(journal_.begin()) + ": make it anew from a backup");
  TRY(check_that_we_have(receipt.below.offset, "the follower " + receipt.follower));
  marks_[receipt.follower] = receipt.below.offset;
  const auto lowest = lowest_mark();
  if (!lowest) return {};
  if (!begun_) {
    next_ = *lowest;
    begun_ = true;
  }
  confirmed(*lowest);
  if (receipt.missing && receipt.below.offset < next_) go_back();
  return {};
}

// What is under way is on its way for nothing.
void Relay::go_back() {
  const auto lowest = lowest_mark();
  if (!lowest || *lowest >= next_) return;
  next_ = *lowest;
  under_way_.clear();
  moved_ = clock_.steady();
  again_.add();
}

void Relay::confirmed(uint64_t below) {
  while (!under_way_.empty() && under_way_.front() <= below) {
    under_way_.pop_front();
    moved_ = clock_.steady();
  }
  if (below > handed_on_) handed_on_ = below;
}

std::optional<uint64_t> Relay::lowest_mark() const {
  std::optional<uint64_t> lowest;
  for (const auto& [follower, mark] : marks_) {
    if (!mark) return std::nullopt;
    lowest = std::min(lowest.value_or(*mark), *mark);
  }
  return lowest;
}

Result<void> Relay::note() {
  if (handed_on_ == noted_) return {};
  const uint64_t below = handed_on_;
  TRY(options_.note({.epoch = journal_.epochs().newest(), .partition = line_.partition, .offset = below}));
  noted_ = below;
  noted_at_ = clock_.steady();
  return {};
}

Result<void> write_relayed(Files& files, const std::string& path, const Position& below) {
  return write_file_atomically(files, path, std::string(relayed_words) + to_string(below) + '\n');
}

Result<Position> read_relayed(Files& files, const std::string& path) {
  TRY_LET(const std::string text, read_file(files, path));
  if (text.starts_with(relayed_words) && text.ends_with('\n'))
    if (const auto below =
            parse_position(std::string_view(text).substr(relayed_words.size(), text.size() - relayed_words.size() - 1)))
      return *below;
  return fail(Code::corrupt, "read " + path + ": it does not say up to where the journal is handed on");
}

}  // namespace waybill::ingest

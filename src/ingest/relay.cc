#include "ingest/relay.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds idle_wait{200};
constexpr std::chrono::milliseconds answer_wait{20};
constexpr std::chrono::milliseconds retry_wait_first{50};
constexpr std::chrono::milliseconds retry_wait_max{5000};
constexpr std::chrono::milliseconds note_every{500};
constexpr std::string_view relayed_words = "waybill relayed 1 below ";
constexpr std::string_view relayed_to = " to ";
constexpr uint64_t foreign_looked_at_max = 1000;  // messages at the end of a line that are none of ours

bool helps_to_wait(const Error& error) { return error.code == Code::unavailable || error.code == Code::overloaded; }

}  // namespace

Relay::Relay(journal::Source& journal, broker::Broker& broker, RelayOptions options, Clock& clock, Metrics& metrics)
    : journal_(journal),
      broker_(broker),
      options_(std::move(options)),
      clock_(clock),
      line_{.topic = options_.topic, .partition = journal.partition()},
      followers_(options_.followers, journal, options_.journal_id, clock),
      records_(metrics.counter("waybill_relay_records_total", "journal records sent to the broker")),
      parcels_(metrics.counter("waybill_relay_parcels_total", "messages sent to the broker, each of several records")),
      again_(metrics.counter("waybill_relay_sent_again_total", "times that followers missed something or were silent")),
      foreign_(metrics.counter("waybill_relay_foreign_total", "messages on our lines that are none of ours")),
      lag_(metrics.gauge("waybill_relay_lag_records", "durable records that are not handed on yet")),
      working_(metrics.gauge("waybill_relay_working", "1 while the broker and all followers answer, else 0")) {}

void Relay::run(const std::stop_token& stop) {
  auto retry_wait = retry_wait_first;
  while (!stop.stop_requested()) {
    const Result<bool> sent = step(stop);
    if (sent) {
      stands(broker_.keeps() ? "" : followers_.trouble());
      retry_wait = retry_wait_first;
      if (!*sent && under_way_.empty()) options_.wait(next_, idle_wait, stop);
      continue;
    }
    stands(sent.error().message);
    if (!helps_to_wait(sent.error())) {
      outbox_.reset();
      receipts_.reset();
    }
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
  if (const auto noted = note(); !noted)
    log::warning("what was handed on is not noted; the journal keeps it longer", {{"why", noted.error().message}});
}

void Relay::stands(const std::string& why) {
  working_.set(why.empty() ? 1 : 0);
  const bool news = trouble_.with([&](std::string& known) { return std::exchange(known, why) != why; });
  if (!news) return;
  if (why.empty()) {
    log::info("the relay works", {{"topic", line_.topic}, {"from", next_}});
  } else {
    log::warning("the relay does not get on; the journal keeps what it has", {{"why", why}});
  }
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
  if (clock_.steady() - noted_at_ >= note_every) TRY(note());
  return sent;
}

Result<void> Relay::open() {
  begun_ = false;
  under_way_.clear();
  acknowledged_ = 0;
  TRY(broker_.make(line_));
  if (broker_.keeps()) {
    TRY_LET(const auto line, broker_.receive_from(line_));
    TRY(go_behind_newest(*line));
  } else {
    TRY_LET(receipts_, broker_.receive_from({.topic = receipts_topic(line_.topic), .partition = line_.partition}));
  }
  TRY_LET(outbox_, broker_.send_to(line_));
  moved_ = clock_.steady();
  return {};
}

// Only relays of this journal send parcels on its line; whoever else does is passed over.
Result<void> Relay::go_behind_newest(broker::Inbox& line) {
  TRY_LET(const broker::Places places, line.places());
  next_ = journal_.begin();
  uint64_t place = places.end;
  for (uint64_t looked_at = 0; place > places.begin; ++looked_at) {
    if (looked_at == foreign_looked_at_max)
      return fail(Code::conflict, line_.topic + " is full of messages that are none of ours");
    TRY(line.seek(--place));
    std::vector<broker::Message> come;
    for (const auto begun = clock_.steady(); come.empty();) {
      TRY_LET(come, line.receive(idle_wait));
      if (come.empty() && clock_.steady() - begun > options_.patience)
        return fail(Code::unavailable, "the newest message of " + line_.topic + " does not come");
    }
    if (const auto parcel = decode_parcel(as_bytes(come.front().bytes)); parcel) {
      TRY_LET(next_, end_of(*parcel));
      break;
    }
  }
  begun_ = true;
  known_ = true;
  handed_on_ = next_;
  return {};
}

// Where the journal goes on behind it.
Result<uint64_t> Relay::end_of(const Parcel& parcel) {
  const uint64_t end = parcel.end();
  const std::string whose = "the topic " + line_.topic;
  if (parcel.journal != options_.journal_id || parcel.first.partition != line_.partition)
    return fail(Code::conflict, whose + " has parcels of another journal: give this one a topic of its own");
  if (const auto checked = journal_.epochs().check_watermark(parcel.first.epoch, end); !checked)
    return fail(Code::conflict, whose + " has parcels of another journal: " + checked.error().message);
  if (end > journal_.durable_end()) TRY(journal_.read(end, 1));  // one that is followed looks again
  if (end > journal_.durable_end())
    return fail(Code::corrupt, whose + " has everything below " + std::to_string(end) + ", the journal ends at " +
                                   std::to_string(journal_.durable_end()) + ": records are gone from its end");
  if (end < journal_.begin())
    return fail(Code::conflict, whose + " ends at " + std::to_string(end) + ", the journal begins at " +
                                    std::to_string(journal_.begin()) +
                                    ": what is between was let go of; give it another topic");
  return end;
}

Result<bool> Relay::send_some() {
  if (under_way_.size() >= under_way_max) return false;
  TRY_LET(journal::ReadResult read, journal_.read(next_, parcel_bytes_usual));
  if (read.records.empty()) return false;
  const Parcel parcel{
      .journal = options_.journal_id, .first = journal_.position(next_), .records = std::move(read.records)};
  const auto sent = outbox_->send(std::to_string(line_.partition), as_bytes(encode(parcel)));
  full_ = !sent && sent.error().code == Code::overloaded;
  if (full_) return false;
  TRY(sent);
  if (under_way_.empty()) moved_ = clock_.steady();
  next_ = parcel.end();
  under_way_.push_back(next_);
  records_.add(parcel.records.size());
  parcels_.add();
  return true;
}

Result<void> Relay::confirm() {
  const bool nothing_to_send = full_ || under_way_.size() >= under_way_max || journal_.durable_end() <= next_;
  const bool waits = (!under_way_.empty() || full_) && nothing_to_send;
  const auto at_most = waits ? answer_wait : std::chrono::milliseconds(0);
  if (!broker_.keeps()) {
    TRY(outbox_->acknowledged(0, std::chrono::milliseconds(0)));  // how many says nothing
    return hear_receipts(begun_ ? at_most : answer_wait);
  }
  TRY_LET(const uint64_t acknowledged, outbox_->acknowledged(acknowledged_, at_most));
  for (; acknowledged_ < acknowledged && !under_way_.empty(); ++acknowledged_) {
    handed_on_ = under_way_.front();
    under_way_.pop_front();
  }
  return {};
}

Result<void> Relay::hear_receipts(std::chrono::milliseconds at_most) {
  TRY_LET(const std::vector<broker::Message> come, receipts_->receive(at_most));
  for (const broker::Message& message : come) {
    const auto receipt = decode_receipt(as_bytes(message.bytes));
    if (!receipt || !followers_.hear(*receipt)) foreign_.add();
  }
  if (const auto lowest = followers_.lowest()) {
    handed_on_ = *lowest;
    known_ = true;
  }
  const auto slowest = followers_.slowest_heard();
  if (!slowest) {
    begun_ = false;
    return {};
  }
  if (!begun_) {
    begun_ = true;
    go_back(*slowest);
  }
  confirmed(*slowest);
  // One that misses something goes on to say so while what was on its way before still comes.
  const bool missing = followers_.takes_missing(*slowest) && went_back_to_ != *slowest;
  if (*slowest < next_ && (missing || clock_.steady() - moved_ > options_.patience)) {
    go_back(*slowest);
    again_.add();
  }
  return {};
}

// What is under way is on its way for nothing.
void Relay::go_back(uint64_t to) {
  next_ = to;
  went_back_to_ = to;
  under_way_.clear();
  moved_ = clock_.steady();
}

void Relay::confirmed(uint64_t below) {
  if (below != confirmed_) moved_ = clock_.steady();
  confirmed_ = below;
  next_ = std::max(next_, below);
  while (!under_way_.empty() && under_way_.front() <= below) under_way_.pop_front();
}

Result<void> Relay::note() {
  if (!known_ || handed_on_ == noted_) return {};
  const uint64_t below = handed_on_;
  TRY(options_.note({.epoch = journal_.epochs().newest(), .partition = line_.partition, .offset = below}));
  noted_ = below;
  noted_at_ = clock_.steady();
  return {};
}

Result<void> write_relayed(Files& files, const std::string& path, const Relayed& relayed) {
  return write_file_atomically(
      files, path, std::string(relayed_words) + to_string(relayed.below) + std::string(relayed_to) + relayed.to + '\n');
}

Result<Relayed> read_relayed(Files& files, const std::string& path) {
  TRY_LET(const std::string text, read_file(files, path));
  const size_t to = text.find(relayed_to, relayed_words.size());
  if (text.starts_with(relayed_words) && text.ends_with('\n') && to != std::string::npos)
    if (const auto below =
            parse_position(std::string_view(text).substr(relayed_words.size(), to - relayed_words.size())))
      return Relayed{.below = *below,
                     .to = text.substr(to + relayed_to.size(), text.size() - 1 - to - relayed_to.size())};
  return fail(Code::corrupt, "read " + path + ": it does not say up to where the journal is handed on");
}

}  // namespace waybill::ingest

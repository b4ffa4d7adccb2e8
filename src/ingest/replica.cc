#include "ingest/replica.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/pause.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds come_wait{200};
constexpr std::chrono::milliseconds retry_wait_first{50};
constexpr std::chrono::milliseconds retry_wait_max{2000};
constexpr std::chrono::milliseconds answer_wait_max{5000};
constexpr std::chrono::milliseconds tell_again{500};    // what the relay has heard may be lost
constexpr std::chrono::milliseconds missing_again{100};  // the same of a gap
constexpr uint64_t foreign_in_line_max = 1000;        // one behind the other, that are none of ours
constexpr const char* part = "replicate";
constexpr std::chrono::seconds gap_shown_after{5};
constexpr std::chrono::seconds quiet_max{5};  // then the broker is asked whether it is there

// A journal that has failed, records that are nowhere, a line of somebody else: nothing of it gets better by itself.
bool is_final(const Error& error) { return error.code == Code::corrupt || error.code == Code::conflict; }

}  // namespace

Replica::Replica(journal::Journal& journal, broker::Broker& broker, ReplicaOptions options, Clock& clock,
                 Health& health, Metrics& metrics)
    : journal_(journal),
      broker_(broker),
      options_(std::move(options)),
      clock_(clock),
      health_(health),
      line_{.topic = options_.topic, .partition = journal.partition()},
      end_(journal.durable_end()),
      journal_id_(options_.journal_id),
      records_(metrics.counter("waybill_replica_records_total", "records of another's journal written to ours")),
      repeats_(metrics.counter("waybill_replica_repeats_total", "records that came and were there already")),
      gaps_(metrics.counter("waybill_replica_gaps_total", "times that what came did not follow on what is there")),
      foreign_(metrics.counter("waybill_replica_foreign_total", "messages on our line that are none of ours")) {}

Result<void> Replica::run(const std::stop_token& stop) {
  auto retry_wait = retry_wait_first;
  health_.bad(part, "nothing was heard of the broker yet");
  while (!stop.stop_requested()) {
    const Result<void> done = step();
    if (done) {
      if (gap_since_ && clock_.steady() - *gap_since_ > gap_shown_after)
        health_.bad(part, "what comes does not follow on what is there, and the relay does not send it again");
      else
        health_.good(part);
      retry_wait = retry_wait_first;
      continue;
    }
    health_.bad(part, done.error().message);
    if (journal_.status().failed) return fail_in(part, {Code::corrupt, done.error().message});
    if (is_final(done.error())) return fail_in(part, done.error());
    if (done.error().code != Code::unavailable) {
      inbox_.reset();
      receipts_.reset();
    }
    log::warning("what another's journal has does not come", {{"why", done.error().message}});
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
  return {};
}

Result<void> Replica::open() {
  auto opened = try_to_open();
  if (opened) return opened;
  inbox_.reset();
  if (opened.error().code == Code::not_found)
    return fail(Code::unavailable, opened.error().message + "; the relay makes it when it begins");
  return opened;
}

Result<void> Replica::try_to_open() {
  if (!broker_.keeps()) {
    TRY_LET(receipts_, broker_.send_to({.topic = receipts_topic(line_.topic), .partition = line_.partition}));
  }
  TRY_LET(inbox_, broker_.receive_from(line_));
  TRY(go_to_next());
  return tell(false);
}

// To the first parcel that has something new. Positions grow along the line, so it is found by halves.
Result<void> Replica::go_to_next() {
  TRY_LET(const broker::Places places, inbox_->places());
  if (places.empty()) return {};
  uint64_t low = places.begin;  // it is at or behind this
  uint64_t high = places.end;   // and before this, or is not there yet
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    TRY_LET(const uint64_t first, first_at(middle));
    if (first <= end_) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (looked_for_ > 1) return inbox_->seek(places.begin);  // two relays may have sent, so that positions did not grow
  return inbox_->seek(low > places.begin ? low - 1 : low);
}

// The position with which the parcel at this place, or the next behind it, begins; above all where there is none.
Result<uint64_t> Replica::first_at(uint64_t place) {
  TRY(inbox_->seek(place));
  const auto begun = clock_.steady();
  for (uint64_t foreign = 0; foreign < foreign_in_line_max;) {
    TRY_LET(const std::vector<broker::Message> come, inbox_->receive(come_wait));
    for (const broker::Message& message : come) {
      const auto parcel = decode_parcel(as_bytes(message.bytes));
      if (parcel) return parcel->first.offset;
      ++foreign;
    }
    if (!come.empty()) continue;
    TRY_LET(const broker::Places places, inbox_->places());
    if (foreign > 0 && place + foreign >= places.end) return std::numeric_limits<uint64_t>::max();
    if (clock_.steady() - begun > answer_wait_max)
      return fail(Code::unavailable, "the messages of " + line_.topic + " do not come");
  }
  return fail(Code::conflict, line_.topic + " is full of messages that are none of ours");
}

Result<void> Replica::step() {
  if (!inbox_) TRY(open());
  TRY_LET(const std::vector<broker::Message> come, inbox_->receive(come_wait));
  if (!come.empty() || clock_.steady() - heard_at_ > quiet_max) {
    if (come.empty()) TRY(inbox_->places());  // nothing new, or nobody there?
    heard_at_ = clock_.steady();
  }
  for (const broker::Message& message : come) {
    const auto parcel = decode_parcel(as_bytes(message.bytes));
    if (!parcel) {
      foreign_.add();
      log::warning("a message that is none of ours is passed over",
                   {{"topic", line_.topic}, {"place", message.place}, {"why", parcel.error().message}});
      continue;
    }
    TRY(take(*parcel));
  }
  TRY(journal_.commit());
  return tell(gap_since_.has_value());
}

// Of the journal that is followed, and what comes next in it.
Result<void> Replica::check(const Parcel& parcel) {
  if (journal_id_ == 0) {
    TRY(options_.adopt(parcel.journal));
    journal_id_ = parcel.journal;
  }
  if (parcel.journal != journal_id_)
    return fail(Code::conflict, line_.topic + " has parcels of another journal than the one that is followed here");
  if (parcel.first.partition != journal_.partition())
    return fail(Code::conflict, line_.topic + " has parcels of partition " + std::to_string(parcel.first.partition) +
                                    ", this journal is partition " + std::to_string(journal_.partition()));
  const auto checked = journal_.epochs().check(parcel.first.epoch, parcel.first.offset);
  if (checked || parcel.end() <= end_) return {};
  return fail(Code::conflict,
              line_.topic + " has parcels of another epoch: " + checked.error().message + "; make this folder anew");
}

Result<void> Replica::take(const Parcel& parcel) {
  TRY(check(parcel));
  if (parcel.end() <= end_) {
    repeats_.add(parcel.records.size());
    return {};
  }
  if (parcel.first.offset > end_) return missed(parcel.first.offset);
  gap_since_.reset();
  looked_for_ = 0;
  const uint64_t known = end_ - parcel.first.offset;
  repeats_.add(known);
  if (known == 0) return append(parcel.records);
  return append(parcel.records.from(known));
}

Result<void> Replica::append(const journal::Records& records) {
  auto appended = journal_.append(records);
  if (!appended && appended.error().code == Code::overloaded) {
    TRY(journal_.commit());  // too much may wait to be synced; else it is the disk that is full
    appended = journal_.append(records);
  }
  if (!appended) {
    inbox_.reset();  // it is asked for again, with all behind it
    return std::unexpected(appended.error());
  }
  if (appended->first != end_)
    return fail(Code::corrupt, "somebody else has written to this journal, at " + std::to_string(end_));
  end_ += records.size();
  records_.add(records.size());
  return {};
}

Result<void> Replica::missed(uint64_t first) {
  if (!gap_since_) {
    gaps_.add();
    gap_since_ = clock_.steady();
  }
  if (!broker_.keeps()) return {};
  constexpr int looks_max = 2;
  if (++looked_for_ > looks_max)
    return fail(Code::corrupt, "the broker has " + line_.topic + " from " + std::to_string(first) +
                                   " on, this journal ends at " + std::to_string(end_) +
                                   ": what is between was let go of; make this folder anew from a copy of another's");
  inbox_.reset();
  return fail(Code::unavailable, "a gap in " + line_.topic + ": it is looked for anew");
}

// Over a broker that does not keep: what is on this disk.
Result<void> Replica::tell(bool missing) {
  if (!receipts_) return {};
  const auto now = clock_.steady();
  const uint64_t end = journal_.durable_end();
  if (end == told_ && now - told_at_ < (missing ? missing_again : tell_again)) return {};
  const Receipt receipt{
      .journal = journal_id_, .follower = options_.name, .below = journal_.position(end), .missing = missing};
  const auto sent = receipts_->send({}, as_bytes(encode(receipt)));
  if (!sent && sent.error().code != Code::overloaded) return sent;
  TRY(receipts_->acknowledged(0, std::chrono::milliseconds(0)));
  told_ = end;
  told_at_ = now;
  return {};
}

}  // namespace waybill::ingest

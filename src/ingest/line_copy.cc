#include "ingest/line_copy.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "base/hash.h"
#include "base/log.h"
#include "base/pause.h"
#include "wire/record.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds come_wait{200};
constexpr std::chrono::milliseconds retry_wait_first{50};
constexpr std::chrono::milliseconds retry_wait_max{2000};
constexpr std::chrono::milliseconds answer_wait_max{5000};
constexpr std::chrono::seconds note_every{1};
constexpr std::chrono::seconds quiet_max{5};  // then the broker is asked whether it is there
constexpr const char* part = "copy";

bool is_final(const Error& error) { return error.code == Code::corrupt || error.code == Code::conflict; }

// Not a CRC32C: messages end with their own, which makes it the same for all of them.
uint64_t sum_of(const broker::Message& message) { return hash128(as_bytes(message.bytes)).low; }

// With what is left of those that name somebody who was erased.
journal::Records without(const wire::ErasedNames& erased, const journal::Records& records) {
  journal::Records left;
  for (size_t i = 0; i < records.size(); ++i) {
    auto record = wire::decode_record(records[i]);
    if (!record || !erased.names_one(*record)) {
      left.bytes += as_text(records[i]);
    } else {
      const bool nothing = erased.take_out(*record) == wire::ErasedNames::Left::nothing;
      wire::encode_record(nothing ? wire::Record(wire::Remains{}) : *record, left.bytes);
    }
    left.ends.push_back(left.bytes.size());
  }
  return left;
}

}  // namespace

Result<void> write_line_mark(Files& files, const std::string& path, const LineMark& mark) {
  constexpr size_t line_max = 160;
  std::array<char, line_max> line{};
  std::snprintf(line.data(), line.size(),
                "waybill line 1 journal %016" PRIx64 " place %" PRIu64 " sum %016" PRIx64 " next %s\n", mark.journal,
                mark.place, mark.sum, to_string(mark.next).c_str());
  return write_file_atomically(files, path, line.data());
}

Result<LineMark> read_line_mark(Files& files, const std::string& path) {
  TRY_LET(const std::string line, read_file(files, path));
  LineMark mark;
  int end = 0;
  if (std::sscanf(line.c_str(), "waybill line 1 journal %16" SCNx64 " place %" SCNu64 " sum %16" SCNx64 " next %n",
                  &mark.journal, &mark.place, &mark.sum, &end) == 3 &&
      end > 0 && line.ends_with('\n'))
    if (const auto next = parse_position(
            std::string_view(line).substr(static_cast<size_t>(end), line.size() - 1 - static_cast<size_t>(end)))) {
      mark.next = *next;
      return mark;
    }
  return fail(Code::corrupt, path + ": it does not say how far the broker's line was copied");
}

LineCopy::LineCopy(journal::Journal& journal, broker::Broker& broker, LineDoor& door, LineCopyOptions options,
                   Clock& clock, Health& health, Metrics& metrics)
    : journal_(journal),
      broker_(broker),
      door_(door),
      options_(std::move(options)),
      clock_(clock),
      health_(health),
      mark_(options_.mark),
      noted_(options_.mark),
      end_(journal.durable_end()),
      records_(
          metrics.counter("waybill_line_records_total", "records that came from the broker's line into the journal")),
      repeats_(metrics.counter("waybill_line_repeats_total",
                               "records that came again and were there already: after a start")),
      foreign_(metrics.counter("waybill_line_foreign_total", "messages on the line that are none of ours")) {
  health_.bad(part, "nothing was heard of the broker yet");
}

Result<void> LineCopy::run(const std::stop_token& stop) {
  auto retry_wait = retry_wait_first;
  while (!stop.stop_requested()) {
    const Result<void> done = step();
    if (done) {
      health_.good(part);
      retry_wait = retry_wait_first;
      continue;
    }
    health_.bad(part, done.error().message);
    if (journal_.status().failed) return fail_in(part, {Code::corrupt, done.error().message});
    if (is_final(done.error())) return fail_in(part, done.error());
    if (done.error().code != Code::unavailable) inbox_.reset();
    log::warning("what the broker keeps does not come", {{"why", done.error().message}});
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
  return note(true);
}

Result<void> LineCopy::open() {
  TRY(broker_.make(options_.line));
  TRY_LET(auto inbox, broker_.receive_from(options_.line));
  if (!mark_) TRY(join(*inbox));
  TRY(go_to_mark(*inbox));
  inbox_ = std::move(inbox);
  door_.open();
  return {};
}

// A folder's first time: the line goes on where this journal ends, or the journal begins where the line does.
Result<void> LineCopy::join(broker::Inbox& inbox) {
  TRY_LET(broker::Places places, inbox.places());
  if (places.end == 0) TRY(begin_line());
  if (places.begin > 0)
    return fail(Code::conflict, "the broker has let go of the beginning of " + options_.line.topic +
                                    ": begin with a copy of another's folder");
  TRY_LET(mark_, opening_in(inbox));
  if (!mark_) return fail(Code::unavailable, "the opening of " + options_.line.topic + " does not come");
  return note(true);
}

Result<void> LineCopy::begin_line() {
  log::info("the line begins", {{"topic", options_.line.topic}, {"next", to_string(journal_.position(end_))}});
  TRY_LET(const auto outbox, broker_.send_to(options_.line));
  TRY(outbox->send({}, as_bytes(encode(Opening{.journal = options_.journal_id, .next = journal_.position(end_)}))));
  const auto until = clock_.steady() + answer_wait_max;
  for (uint64_t acknowledged = 0; acknowledged == 0;) {
    if (clock_.steady() > until) return fail(Code::unavailable, "the broker does not take a line's opening");
    TRY_LET(acknowledged, outbox->acknowledged(0, come_wait));
  }
  return {};
}

// The first one; several may have begun at the same time.
Result<std::optional<LineMark>> LineCopy::opening_in(broker::Inbox& inbox) {
  TRY(inbox.seek(0));
  const auto until = clock_.steady() + answer_wait_max;
  while (clock_.steady() < until) {
    TRY_LET(const std::vector<broker::Message> come, inbox.receive(come_wait));
    for (const broker::Message& message : come) {
      if (decode_parcel(as_bytes(message.bytes)))
        return fail(Code::conflict,
                    options_.line.topic + " has the journal of one who hands it on: take another topic");
      const auto opening = decode_opening(as_bytes(message.bytes));
      if (!opening) continue;
      TRY_LET(const LineMark mark, mark_behind(*opening, message));
      return mark;
    }
  }
  return std::nullopt;
}

Result<LineMark> LineCopy::mark_behind(const Opening& opening, const broker::Message& message) const {
  const Position here = journal_.position(end_);
  const bool empty = end_ == 0 && opening.next.offset == 0;
  const bool same_place = opening.next == here;
  if (!same_place || (!empty && opening.journal != options_.journal_id))
    return fail(Code::conflict, options_.line.topic + " begins behind " + to_string(opening.next) +
                                    " of another journal than this one, which ends at " + to_string(here) +
                                    ": begin with a copy of a folder that shares the line");
  return LineMark{.journal = opening.journal, .place = message.place + 1, .next = opening.next, .sum = sum_of(message)};
}

Result<void> LineCopy::go_to_mark(broker::Inbox& inbox) {
  TRY_LET(const broker::Places places, inbox.places());
  if (mark_->place > places.end)
    return fail(Code::conflict, options_.line.topic + " has " + std::to_string(places.end) + " messages, " +
                                    std::to_string(mark_->place) + " were copied: it was made anew");
  if (mark_->place < places.begin)
    return fail(Code::corrupt, "the broker has let go of messages of " + options_.line.topic + " from " +
                                   std::to_string(mark_->place) + " on: begin with a copy of another's folder");
  if (mark_->next.epoch != journal_.epochs().newest() || mark_->next.offset > end_)
    return fail(Code::corrupt, "the journal ends at " + to_string(journal_.position(end_)) +
                                   ", the line was copied up to " + to_string(mark_->next));
  checks_ = mark_->place > places.begin;
  return inbox.seek(checks_ ? mark_->place - 1 : mark_->place);
}

Result<void> LineCopy::step() {
  if (!inbox_) TRY(open());
  TRY_LET(const std::vector<broker::Message> come, inbox_->receive(come_wait));
  if (!come.empty() || clock_.steady() - heard_at_ > quiet_max) {
    if (come.empty()) TRY(inbox_->places());  // nothing new, or nobody there?
    heard_at_ = clock_.steady();
  }
  for (const broker::Message& message : come)
    if (auto taken = take(message); !taken) {
      inbox_.reset();  // it is asked for again, from the mark on
      return taken;
    }
  TRY(journal_.commit());
  for (const Came& one : came_) door_.came(one.door, one.number, one.first);
  came_.clear();
  return note(false);
}

Result<void> LineCopy::take(const broker::Message& message) {
  if (checks_ && message.place + 1 == mark_->place) {
    checks_ = false;
    if (sum_of(message) == mark_->sum) return {};
    return fail(Code::conflict, options_.line.topic + " has another message at " + std::to_string(message.place) +
                                    " than the one that was copied: it was made anew");
  }
  if (message.place < mark_->place) return {};
  if (message.place > mark_->place)
    return fail(Code::conflict, options_.line.topic + " has no message " + std::to_string(mark_->place) +
                                    ": a topic that is compacted or written in transactions cannot be a journal");
  LineMark next = *mark_;
  ++next.place;
  next.sum = sum_of(message);
  if (const auto offer = decode_offer(as_bytes(message.bytes))) {
    TRY(append(offer->records, mark_->next.offset));
    came_.push_back({.door = offer->door, .number = offer->number, .first = mark_->next.offset});
    next.next.offset += offer->records.size();
  } else if (!decode_opening(as_bytes(message.bytes))) {
    foreign_.add();
    log::warning("a message that is none of ours is passed over",
                 {{"topic", options_.line.topic}, {"place", message.place}, {"why", offer.error().message}});
  }
  mark_ = next;
  return {};
}

Result<void> LineCopy::append(const journal::Records& records, uint64_t first) {
  const size_t known = std::min<uint64_t>(end_ - first, records.size());  // after a start
  repeats_.add(known);
  if (known == records.size()) return {};
  const auto write = [&](const journal::Records& new_ones) -> Result<journal::Appended> {
    // Whoever takes a name out of the journal begins behind what was written before it was known.
    if (!options_.erased) return journal_.append(new_ones);
    return options_.erased->while_known([&] {
      return options_.erased->any() ? journal_.append(without(*options_.erased, new_ones)) : journal_.append(new_ones);
    });
  };
  const journal::Records rest = known == 0 ? journal::Records{} : records.from(known);
  const journal::Records& new_ones = known == 0 ? records : rest;
  auto appended = write(new_ones);
  if (!appended && appended.error().code == Code::overloaded) {
    TRY(journal_.commit());  // too much may wait to be synced; else it is the disk that is full
    appended = write(new_ones);
  }
  if (!appended) return std::unexpected(appended.error());
  if (appended->first != end_)
    return fail(Code::corrupt, "somebody else has written to this journal, at " + std::to_string(end_));
  end_ += new_ones.size();
  records_.add(new_ones.size());
  return {};
}

// Only of what is durable.
Result<void> LineCopy::note(bool now) {
  if (!mark_ || mark_ == noted_ || (!now && clock_.steady() - noted_at_ < note_every)) return {};
  TRY(journal_.commit());
  TRY(options_.note(*mark_));
  noted_ = mark_;
  noted_at_ = clock_.steady();
  return {};
}

}  // namespace waybill::ingest

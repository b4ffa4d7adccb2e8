// What a location costs on its way from a body's bytes to the journal's disk and on into the store, step by step: processor
// time of the whole process, no sockets. write_path_bench FOLDER [LOCATIONS]: an empty folder; with a number, only the way of so
// many from the journal into the store.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/health.h"
#include "base/process.h"
#include "ingest/accept.h"
#include "ingest/subscribe.h"
#include "store/rocks/rocks.h"
#include "wire/json_in.h"

namespace waybill::ingest {
namespace {

constexpr size_t items = 1000;
constexpr int rounds = 8;
constexpr double round_s = 0.3;

// As bench/post.lua sends them: 1,000 deliverers, each with an order, a later fix in every batch.
std::string body_of(wire::BodyForm form, size_t number) {
  std::string body;
  for (size_t i = 0; i < items; ++i) {
    std::array<char, 256> item;
    std::snprintf(item.data(), item.size(),
                  R"({"order_id":"o-%04zu-000001","deliverer_id":"d-%04zu","delivery_state":"on_the_way",)"
                  R"("timestamp":"2026-01-05T00:%02zu:%02zu.%06zuZ","latitude":41.%08zu,"longitude":-8.6100000,)"
                  R"("accuracy":4.50,"speed":7.250})",
                  i, i, number / 60'000 % 60, number / 1000 % 60, number % 1000 * 1000, i);
    body += body.empty() ? form == wire::BodyForm::json ? "[" : "" : form == wire::BodyForm::json ? "," : "\n";
    body += item.data();
  }
  return body + (form == wire::BodyForm::json ? "]" : "\n");
}

struct Use {
  double cpu_s = 0;
  double wall_s = 0;
};

double steady_s() { return std::chrono::duration<double>(system_clock().steady().time_since_epoch()).count(); }

Use now() {
  const auto use = process_use();
  return {.cpu_s = use ? use->cpu_seconds : 0, .wall_s = steady_s()};
}

template <class T>
T must(Result<T> result) {
  if (result) {
    if constexpr (!std::is_void_v<T>)
      return std::move(*result);
    else
      return;
  }
  std::fprintf(stderr, "write_path_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

struct Cost {
  double cpu_ns = 0;
  double per_s = 0;
};

Cost cost_since(const Use& begun, size_t locations) {
  const Use ended = now();
  const auto count = static_cast<double>(locations);
  return {.cpu_ns = (ended.cpu_s - begun.cpu_s) * 1e9 / count, .per_s = count / (ended.wall_s - begun.wall_s)};
}

void report(const std::string& what, const Cost& cost) {
  std::printf("| %s | %.0f | %.2f |\n", what.c_str(), cost.cpu_ns, cost.per_s / 1e6);
  std::fflush(stdout);
}

// The cheapest of a few rounds: others use the machine too.
void repeat(const std::string& what, const std::function<void(size_t)>& step) {
  step(0);  // buffers have their sizes then
  Cost best;
  for (int round = 0; round < rounds; ++round) {
    const Use begun = now();
    size_t steps = 1;
    for (; steady_s() - begun.wall_s < round_s; ++steps) step(steps);
    const Cost cost = cost_since(begun, (steps - 1) * items);
    if (round == 0 || cost.cpu_ns < best.cpu_ns) best = cost;
  }
  report(what, best);
}

struct Arriving final : wire::ItemSink<Location> {
  void take(Location& location) override { batch.add(location); }
  void take(wire::ItemFailure failure) override { must(Result<void>(fail(Code::invalid, failure.reason))); }
  Batch batch;
};

void measure_form(const std::string& name, wire::BodyForm form, journal::Journal& journal, Acceptor& acceptor) {
  const std::string body = body_of(form, 0);
  const wire::InputOptions options{.received_at = system_clock().now()};
  wire::InputParser parser;
  Arriving arriving;
  const auto parse = [&] {
    arriving.batch.clear();
    must(parser.locations(body, form, options, arriving));
  };
  const auto accept = [&] {
    parse();
    must(acceptor.accept(arriving.batch));
  };
  repeat(name + ": parsed and encoded", [&](size_t) { parse(); });
  repeat(name + ": and on the disk, one batch a sync", [&](size_t) {
    accept();
    must(journal.commit());
  });
  repeat(name + ": and on the disk, eight batches a sync", [&](size_t number) {
    accept();
    if (number % 8 == 0) must(journal.commit());
  });
}

void measure_store(const std::string& folder, journal::Journal& journal, Metrics& metrics) {
  const auto store = must(store::open_rocks_store({.folder = folder + "/store"}, system_files()));
  Progress progress;
  Health health;
  Subscriber subscriber(journal, *store, progress, health, system_clock(), metrics);
  size_t put = 0;
  const Use begun = now();
  while (const size_t step = must(subscriber.step())) put += step;
  must(store->flush());
  report("read, decoded, put into RocksDB and flushed", cost_since(begun, put));
}

void measure_door(const std::string& folder, Metrics& metrics) {
  const auto journal =
      must(journal::open_journal({.folder = folder + "/door"}, system_files(), system_clock(), metrics));
  Acceptor acceptor(*journal, metrics);
  measure_form("JSON", wire::BodyForm::json, *journal, acceptor);
  measure_form("NDJSON", wire::BodyForm::ndjson, *journal, acceptor);
}

void fill(journal::Journal& journal, size_t locations, Metrics& metrics) {
  Acceptor acceptor(journal, metrics);
  wire::InputParser parser;
  Arriving arriving;
  for (size_t number = 0; number * items < locations; ++number) {
    const wire::InputOptions options{.received_at = system_clock().now()};
    arriving.batch.clear();
    must(parser.locations(body_of(wire::BodyForm::json, number), wire::BodyForm::json, options, arriving));
    must(acceptor.accept(arriving.batch));
    must(journal.commit());
  }
}

int run(const std::string& folder, size_t locations) {
  const auto metrics = make_metrics();
  must(system_files().make_folder(folder));
  std::printf("| step | CPU ns a location | million locations/s |\n|---|---|---|\n");
  if (locations == 0) return measure_door(folder, *metrics), 0;
  const auto journal =
      must(journal::open_journal({.folder = folder + "/journal"}, system_files(), system_clock(), *metrics));
  if (journal->durable_end() == 0) fill(*journal, locations, *metrics);
  measure_store(folder, *journal, *metrics);
  return 0;
}

}  // namespace
}  // namespace waybill::ingest

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "write_path_bench FOLDER [LOCATIONS]\n");
    return 2;
  }
  return waybill::ingest::run(words[1], count > 2 ? std::strtoull(words[2], nullptr, 10) : 0);
}

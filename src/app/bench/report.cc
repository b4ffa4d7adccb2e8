#include "app/bench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "app/wrapped.h"
#include "wire/json_out.h"

namespace waybill::app::bench {
namespace {

std::string printed(const char* format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string grouped(double number) {
  std::string text = printed("%.0f", number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string grouped_count(uint64_t number) { return grouped(static_cast<double>(number)); }

// Three digits that say something.
std::string rounded(double number) {
  constexpr double ten = 10;
  constexpr double hundred = 100;
  if (number >= hundred) return grouped(number);
  return printed(number >= ten ? "%.1f" : "%.2f", number);
}

template <class Show>
std::string shown(const std::optional<double>& value, Show show) {
  return value ? show(*value) : "-";
}

std::string in_ms(double us) { return rounded(us / 1e3); }

std::string line_of(const std::string& what, const std::array<std::string, 9>& cells) {
  constexpr std::array<int, 9> widths{6, 10, 10, 8, 8, 9, 8, 7, 5};
  constexpr size_t what_columns = 32;
  std::string line = what;
  line.resize(std::max(what.size(), what_columns), ' ');
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto width = static_cast<size_t>(widths[i]);
    line += std::string(width > cells[i].size() ? width - cells[i].size() : 1, ' ') + cells[i];
  }
  return line;
}

void add_note(std::vector<std::string>& lines, const std::string& text) {
  for (const std::string& line : wrapped(text, report_columns - 4)) lines.push_back("  ! " + line);
}

void write(wire::JsonWriter& writer, const char* name, const std::optional<double>& value) {
  writer.key(name);
  value ? writer.number(*value) : writer.null();
}

void write_text(wire::JsonWriter& writer, const char* name, const std::string& value) {
  writer.key(name);
  value.empty() ? writer.null() : writer.text(value);
}

void write_count(wire::JsonWriter& writer, const char* name, uint64_t value) {
  writer.key(name).integer(static_cast<int64_t>(value));
}

void write(wire::JsonWriter& writer, const Setting& setting) {
  writer.key("version").text(setting.version).key("build").text(setting.build);
  write_text(writer, "server", setting.server);
  write_text(writer, "folder", setting.folder);
  writer.key("machine").begin_object();
  write_text(writer, "processor", setting.processor);
  write_count(writer, "cores", setting.cores);
  write_count(writer, "memory_bytes", setting.memory_bytes);
  write_text(writer, "kernel", setting.kernel);
  write_text(writer, "file_system", setting.file_system);
  writer.end_object().key("seconds").number(setting.seconds);
}

void write(wire::JsonWriter& writer, const Row& row) {
  writer.begin_object().key("what").text(row.what).key("connections");
  row.connections ? writer.integer(*row.connections) : writer.null();
  write(writer, "per_s", row.per_s);
  write(writer, "locations_per_s", row.locations_per_s);
  write(writer, "p50_us", row.p50_us);
  write(writer, "p99_us", row.p99_us);
  write(writer, "server_cpu_us", row.server_cpu_us);
  write(writer, "load_cpu_us", row.load_cpu_us);
  write(writer, "behind_s", row.behind_s);
  write_count(writer, "bad", row.bad);
  write_text(writer, "first_bad", row.first_bad);
  writer.end_object();
}

}  // namespace

bool Report::good() const {
  return std::ranges::all_of(rows, [](const Row& row) { return row.bad == 0; }) && (!books || books->balance());
}

std::vector<std::string> lines_of(const Setting& setting) {
  constexpr double gib = 1 << 30;
  std::vector<std::string> lines;
  lines.push_back("waybill    " + setting.version + ", build " + setting.build);
  lines.push_back("machine    " + std::to_string(setting.cores) + " cores, " + setting.processor + ", " +
                  printed("%.0f GiB, ", static_cast<double>(setting.memory_bytes) / gib) + setting.kernel);
  if (setting.server.empty())
    lines.push_back("disk       " + setting.file_system + ", " + setting.folder);
  else
    lines.push_back("server     " + setting.server + ": not started here, so neither its processor time nor its books");
  lines.push_back("load       one thread of this process, on this machine; " + printed("%g", setting.seconds) +
                  " s a row; default settings");
  if (setting.build != "Release")
    add_note(lines, "this is not a release build: what it measures says nothing about what users run");
  if (setting.in_memory)
    add_note(lines, "this file system is in memory: a sync costs nothing there. --folder names one on a disk");
  return lines;
}

std::vector<std::string> table_head() {
  return {line_of("", {"", "", "locations", "p50", "p99", "CPU us", "CPU us", "behind", ""}),
          line_of("what", {"conns", "per s", "per s", "ms", "ms", "server", "load", "s", "bad"})};
}

std::vector<std::string> lines_of(const Row& row) {
  std::vector<std::string> lines{line_of(
      row.what, {row.connections ? std::to_string(*row.connections) : "-", shown(row.per_s, grouped),
                 shown(row.locations_per_s, grouped), shown(row.p50_us, in_ms), shown(row.p99_us, in_ms),
                 shown(row.server_cpu_us, rounded), shown(row.load_cpu_us, rounded),
                 shown(row.behind_s, [](double value) { return printed("%.1f", value); }), grouped_count(row.bad)})};
  if (row.bad > 0) add_note(lines, "the first that was bad: " + row.first_bad);
  return lines;
}

std::vector<std::string> lines_of(const Books& books) {
  std::string text = "books      " + grouped_count(books.sent) + " locations sent, " +
                     grouped_count(books.acknowledged) + " acknowledged, " + grouped_count(books.kept) + " kept, " +
                     grouped_count(books.repeats) + " repeats";
  return {std::move(text),
          books.balance() ? "           waybill verify: the books balance" : "           THE BOOKS DO NOT BALANCE"};
}

std::string report_json(const Report& report) {
  wire::JsonWriter writer;
  writer.begin_object();
  write(writer, report.setting);
  writer.key("rows").begin_array();
  for (const Row& row : report.rows) write(writer, row);
  writer.end_array().key("books");
  if (report.books) {
    writer.begin_object();
    write_count(writer, "sent", report.books->sent);
    write_count(writer, "acknowledged", report.books->acknowledged);
    write_count(writer, "kept", report.books->kept);
    write_count(writer, "repeats", report.books->repeats);
    writer.key("balance").boolean(report.books->balance()).end_object();
  } else {
    writer.null();
  }
  writer.key("good").boolean(report.good()).end_object();
  return writer.take();
}

}  // namespace waybill::app::bench

#include "app/status_view.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/wrapped.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

// ---- numbers as people read them

std::string printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string grouped(double number) {
  std::string text = printed("%.0f", number);
  const size_t first = text.starts_with('-') ? 1 : 0;
  for (size_t at = text.size(); at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string in_bytes(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  constexpr double step = 1024;
  for (; bytes >= step && unit + 1 < std::size(units); ++unit) bytes /= step;
  return printed(unit == 0 || bytes >= 100 ? "%.0f " : "%.1f ", bytes) + units[unit];
}

std::string in_time(double seconds) {
  constexpr double us = 1e-6;
  constexpr double ms = 1e-3;
  if (seconds < ms) return printed("%.0f us", seconds / us);
  if (seconds < 10 * ms) return printed("%.1f ms", seconds / ms);
  if (seconds < 1) return printed("%.0f ms", seconds / ms);
  return printed(seconds < 10 ? "%.1f s" : "%.0f s", seconds);
}

std::string in_days(double seconds) {
  constexpr int64_t minute = 60;
  constexpr int64_t hour = 60 * minute;
  constexpr int64_t day = 24 * hour;
  const auto whole = static_cast<int64_t>(std::max(0.0, seconds));
  const auto two = [&](int64_t large, const char* large_name, int64_t small, const char* small_name) {
    return std::to_string(whole / large) + large_name + std::to_string(whole % large / small) + small_name;
  };
  if (whole >= day) return two(day, " d ", hour, " h");
  if (whole >= hour) return two(hour, " h ", minute, " min");
  if (whole >= minute) return two(minute, " min ", 1, " s");
  return std::to_string(whole) + " s";
}

template <class Show>
std::string shown(const std::optional<double>& value, Show show) {
  return value ? show(*value) : std::string("-");
}

std::string per_second(const std::optional<double>& rate) {
  return shown(rate, [](double value) { return (value < 100 ? printed("%.1f", value) : grouped(value)) + "/s"; });
}

std::string both(const std::optional<double>& p50, const std::optional<double>& p99) {
  if (!p50 || !p99) return "-";
  return "p50 " + in_time(*p50) + "  p99 " + in_time(*p99);
}

// ---- lines

std::string row(std::string_view name, std::string_view now, std::string_view since) {
  char line[status_columns + 1];
  std::snprintf(line, sizeof line, "%-18.18s %-27.27s %.*s", std::string(name).c_str(), std::string(now).c_str(), 33,
                std::string(since).c_str());
  std::string text = line;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string row(std::string_view name, const Flow& flow) {
  return row(name, per_second(flow.per_second), shown(flow.total, grouped));
}

std::string row(std::string_view name, const Timing& timing) {
  return row(name, both(timing.p50_s, timing.p99_s), both(timing.all_p50_s, timing.all_p99_s));
}

std::string wide(std::string_view name, const std::string& text) {
  constexpr size_t name_columns = 19;
  std::string line(name);
  line.resize(name_columns, ' ');
  return (line + text).substr(0, status_columns);
}

std::string word(State state) {
  switch (state) {
    case State::ready: return "ready";
    case State::not_ready: return "NOT READY";
    case State::no_answer: return "NO ANSWER";
    case State::stopped: return "stopped";
  }
  return {};
}

void add_reason(std::vector<std::string>& lines, const std::string& reason) {
  constexpr std::string_view indent = "  ! ";
  for (const std::string& line : wrapped(reason, status_columns - indent.size()))
    lines.push_back(std::string(indent) + line);
}

void add_rates(std::vector<std::string>& lines, const Status& status) {
  lines.push_back(row("", "last " + printed("%.0f s", std::max(1.0, status.window_s)), "since it started"));
  lines.push_back(row("locations", status.locations));
  lines.push_back(row("  order commands", status.orders));
  lines.push_back(row("  quarantined", status.quarantined));
  lines.push_back(row("  rejected", status.rejected));
  lines.push_back(row("  undecodable", status.undecodable));
  if (status.over_mqtt) lines.push_back(row("over MQTT", *status.over_mqtt));
  lines.push_back(row("requests", status.requests));
  lines.push_back(row("  answered 5xx", status.server_errors));
  lines.push_back(row("  time", status.request));
  lines.push_back(row("received-visible", status.received_to_visible));
  lines.push_back(row("fix-visible", status.fix_to_visible));
  lines.push_back(row("journal sync", status.sync));
  lines.emplace_back();
}

void add_lake(std::vector<std::string>& lines, const Status& status, const std::string& behind) {
  const auto failed = [](const std::optional<double>& times) {
    return times.value_or(0) > 0 ? "; failed " + grouped(*times) + " times" : std::string();
  };
  lines.push_back(wide("lake raw", shown(status.lake_end, grouped) + behind + failed(status.lake_failures)));
  std::string treated = shown(status.not_treated, grouped) + " rows behind";
  if (status.treated_age_s) treated += "; up to date " + in_days(*status.treated_age_s) + " ago";
  lines.push_back(wide("lake treated", treated + failed(status.transform_failures)));
}

void add_custody(std::vector<std::string>& lines, const Status& status) {
  const auto behind = [&](const std::optional<double>& mark) {
    if (!mark || !status.journal_end) return std::string();
    return " (" + grouped(std::max(0.0, *status.journal_end - *mark)) + " behind)";
  };
  lines.push_back(wide("journal", "[" + shown(status.journal_begin, grouped) + ", " +
                                      shown(status.journal_end, grouped) + ")  " +
                                      shown(status.journal_bytes, in_bytes) + " on disk"));
  lines.push_back(wide("store visible", shown(status.store_visible, grouped) + behind(status.store_visible)));
  lines.push_back(wide("store durable", shown(status.store_durable, grouped) + behind(status.store_durable)));
  if (status.lake_end) add_lake(lines, status, behind(status.lake_end));
  if (status.mqtt_working)
    lines.push_back(wide("phones over MQTT", *status.mqtt_working > 0 ? "heard" : "NOT HEARD; the log says why"));
  if (status.kept)
    lines.push_back(wide("records", grouped(*status.kept) + " stored, " + shown(status.repeats, grouped) +
                                        " repeats, " + shown(status.quarantined.total, grouped) + " quarantined"));
}

void add_machine(std::vector<std::string>& lines, const Status& status) {
  std::string free = shown(status.disk_free_bytes, in_bytes) + " free of " + shown(status.disk_size_bytes, in_bytes);
  constexpr double percent = 100;
  if (status.disk_free_bytes && status.disk_size_bytes && *status.disk_size_bytes > 0)
    free += printed(" (%.0f %%)", percent * *status.disk_free_bytes / *status.disk_size_bytes);
  lines.push_back(wide("disk", free));
  if (status.state == State::stopped) return;
  lines.push_back(wide("memory", shown(status.resident_bytes, in_bytes) + " resident"));
  lines.push_back(wide("connections", shown(status.connections, grouped) + "; " + shown(status.open_files, grouped) +
                                          " of " + shown(status.open_files_max, grouped) + " files open"));
}

// ---- from metrics

Flow flow_of(const Scrape& now, const Scrape* before, std::string_view name, const Labels& labels = {}) {
  Flow flow{.per_second = {}, .total = now.metrics.sum(name, labels)};
  if (before == nullptr) return flow;
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  if (seconds > 0) flow.per_second = std::max(0.0, *flow.total - before->metrics.sum(name, labels)) / seconds;
  return flow;
}

Flow errors_of(const Scrape& now, const Scrape* before) {
  Flow errors{.per_second = before == nullptr ? std::optional<double>() : 0, .total = 0};
  for (const int status : {500, 501, 502, 503, 504, 505}) {
    const Flow one = flow_of(now, before, "waybill_http_requests_total", {{"status", std::to_string(status)}});
    *errors.total += *one.total;
    if (errors.per_second && one.per_second) *errors.per_second += *one.per_second;
  }
  return errors;
}

Timing timing_of(const Scrape& now, const Scrape* before, const std::string& name) {
  constexpr double half = 0.5;
  constexpr double nearly_all = 0.99;
  const Buckets all = now.metrics.histogram(name);
  Timing timing{
      .p50_s = {}, .p99_s = {}, .all_p50_s = quantile(all, {}, half), .all_p99_s = quantile(all, {}, nearly_all)};
  if (before == nullptr) return timing;
  const Buckets old = before->metrics.histogram(name);
  timing.p50_s = quantile(all, old, half);
  timing.p99_s = quantile(all, old, nearly_all);
  return timing;
}

// ---- JSON

void put(wire::JsonWriter& writer, std::string_view name, const std::optional<double>& value) {
  writer.key(name);
  if (value)
    writer.number(*value);
  else
    writer.null();
}

void put(wire::JsonWriter& writer, std::string_view name, const Flow& flow) {
  writer.key(name).begin_object();
  put(writer, "per_second", flow.per_second);
  put(writer, "total", flow.total);
  writer.end_object();
}

void put(wire::JsonWriter& writer, std::string_view name, const Timing& timing) {
  writer.key(name).begin_object();
  put(writer, "p50", timing.p50_s);
  put(writer, "p99", timing.p99_s);
  put(writer, "p50_since_start", timing.all_p50_s);
  put(writer, "p99_since_start", timing.all_p99_s);
  writer.end_object();
}

}  // namespace

Status status_of(const Scrape& now, const Scrape* before, Time clock) {
  const MetricsText& metrics = now.metrics;
  Status status;
  status.state = metrics.value("waybill_ready").value_or(1) > 0 ? State::ready : State::not_ready;
  status.version = metrics.label("waybill_build_info", "version");
  constexpr double second = 1e6;
  if (const auto started = metrics.value("process_start_time_seconds"))
    status.uptime_s = std::max(0.0, static_cast<double>(to_us(clock)) / second - *started);
  if (before != nullptr) status.window_s = std::chrono::duration<double>(now.at - before->at).count();
  const std::string accepted = "waybill_ingest_accepted_total";
  status.locations = flow_of(now, before, accepted, {{"kind", "location"}});
  status.orders = flow_of(now, before, accepted, {{"kind", "order"}});
  status.quarantined = flow_of(now, before, accepted, {{"kind", "quarantined"}});
  status.rejected = flow_of(now, before, "waybill_ingest_rejected_total");
  status.undecodable = flow_of(now, before, "waybill_ingest_undecodable_total");
  status.mqtt_working = metrics.value("waybill_mqtt_working");
  if (status.mqtt_working) status.over_mqtt = flow_of(now, before, "waybill_mqtt_messages_total");
  status.requests = flow_of(now, before, "waybill_http_requests_total");
  status.server_errors = errors_of(now, before);
  status.request = timing_of(now, before, "waybill_http_request_seconds");
  status.received_to_visible = timing_of(now, before, "waybill_ingest_received_to_visible_seconds");
  status.fix_to_visible = timing_of(now, before, "waybill_ingest_fix_to_visible_seconds");
  status.sync = timing_of(now, before, "waybill_journal_sync_seconds");
  status.connections = metrics.value("waybill_http_connections");
  status.journal_begin = metrics.value("waybill_journal_begin_offset");
  status.journal_end = metrics.value("waybill_journal_durable_offset");
  status.journal_bytes = metrics.value("waybill_journal_disk_bytes");
  status.store_visible = metrics.value("waybill_store_visible_offset");
  status.store_durable = metrics.value("waybill_store_durable_offset");
  status.lake_end = metrics.value("waybill_lake_bronze_end_offset");
  status.lake_failures = metrics.value("waybill_lake_failures_total");
  status.not_treated = metrics.value("waybill_transform_lag_rows");
  status.transform_failures = metrics.value("waybill_transform_failures_total");
  if (const auto made = metrics.value("waybill_transform_last_success_timestamp_seconds"); made.value_or(0) > 0)
    status.treated_age_s = std::max(0.0, static_cast<double>(to_us(clock)) / second - *made);
  status.disk_free_bytes = metrics.value("waybill_disk_free_bytes");
  status.disk_size_bytes = metrics.value("waybill_disk_size_bytes");
  status.resident_bytes = metrics.value("process_resident_memory_bytes");
  status.open_files = metrics.value("process_open_fds");
  status.open_files_max = metrics.value("process_max_fds");
  return status;
}

std::vector<std::string> layout(const Status& status) {
  std::vector<std::string> lines;
  std::string head =
      "waybill" + (status.version.empty() ? "" : " " + status.version) + "  " + word(status.state) + "  ";
  if (status.uptime_s) head += "for " + in_days(*status.uptime_s) + "  ";
  lines.push_back((head + status.where).substr(0, status_columns));
  for (const std::string& reason : status.reasons) add_reason(lines, reason);
  lines.emplace_back();
  if (status.state == State::no_answer) return lines;
  if (status.state != State::stopped) add_rates(lines, status);
  add_custody(lines, status);
  add_machine(lines, status);
  return lines;
}

std::string status_json(const Status& status) {
  wire::JsonWriter writer;
  constexpr const char* states[] = {"ready", "not_ready", "no_answer", "stopped"};
  writer.begin_object().key("state").text(states[static_cast<size_t>(status.state)]).key("reasons").begin_array();
  for (const std::string& reason : status.reasons) writer.text(reason);
  writer.end_array().key("where").text(status.where).key("version").text(status.version);
  put(writer, "uptime_seconds", status.uptime_s);
  put(writer, "window_seconds", status.window_s);
  put(writer, "locations", status.locations);
  put(writer, "order_commands", status.orders);
  put(writer, "quarantined", status.quarantined);
  put(writer, "rejected", status.rejected);
  put(writer, "undecodable", status.undecodable);
  put(writer, "mqtt_messages", status.over_mqtt.value_or(Flow{}));
  put(writer, "mqtt_working", status.mqtt_working);
  put(writer, "requests", status.requests);
  put(writer, "server_errors", status.server_errors);
  put(writer, "request_seconds", status.request);
  put(writer, "received_to_visible_seconds", status.received_to_visible);
  put(writer, "fix_to_visible_seconds", status.fix_to_visible);
  put(writer, "journal_sync_seconds", status.sync);
  put(writer, "connections", status.connections);
  put(writer, "journal_begin", status.journal_begin);
  put(writer, "journal_end", status.journal_end);
  put(writer, "journal_bytes", status.journal_bytes);
  put(writer, "store_visible", status.store_visible);
  put(writer, "store_durable", status.store_durable);
  put(writer, "lake_end", status.lake_end);
  put(writer, "lake_failures", status.lake_failures);
  put(writer, "lake_rows_not_treated", status.not_treated);
  put(writer, "lake_treated_age_seconds", status.treated_age_s);
  put(writer, "transform_failures", status.transform_failures);
  put(writer, "stored", status.kept);
  put(writer, "repeats", status.repeats);
  put(writer, "disk_free_bytes", status.disk_free_bytes);
  put(writer, "disk_size_bytes", status.disk_size_bytes);
  put(writer, "resident_bytes", status.resident_bytes);
  put(writer, "open_files", status.open_files);
  put(writer, "open_files_max", status.open_files_max);
  writer.end_object();
  return writer.take();
}

std::string frame(const std::vector<std::string>& lines, size_t lines_before) {
  // ESC[nA: up to the first line of the frame before; ESC[K behind each line and ESC[J behind the last one remove what an
  // earlier, longer frame left.
  std::string text = lines_before > 0 ? "\x1b[" + std::to_string(lines_before) + "A\r" : std::string();
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  return text + "\x1b[J";
}

}  // namespace waybill::app

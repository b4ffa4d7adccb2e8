#include "app/streets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>
#include <unordered_map>

#include <simdjson.h>

#include "app/assets.h"
#include "wire/compression.h"

namespace waybill::app {
namespace {

namespace dom = simdjson::dom;

// An edge as it is read: junctions by number, its own points.
struct Line {
  uint32_t from = 0, to = 0;
  std::vector<Point> points;

  double length_m() const {
    double sum = 0;
    for (size_t i = 1; i < points.size(); ++i) sum += distance_m(points[i - 1], points[i]);
    return sum;
  }
};

// Gives junctions their numbers: by node id, or by place to a centimetre.
class Junctions {
 public:
  uint32_t by_id(int64_t id) { return ids_.try_emplace(id, next()).first->second; }
  uint32_t by_place(const Point& point) {
    const std::pair key{std::llround(point.latitude * 1e7), std::llround(point.longitude * 1e7)};
    return places_.try_emplace(key, next()).first->second;
  }
  uint32_t count() const { return next(); }

 private:
  uint32_t next() const { return static_cast<uint32_t>(ids_.size() + places_.size()); }
  std::unordered_map<int64_t, uint32_t> ids_;
  std::map<std::pair<int64_t, int64_t>, uint32_t> places_;
};

bool read_points(dom::element coordinates, std::vector<Point>& into) {
  dom::array list;
  if (coordinates.get(list)) return false;
  for (dom::element pair : list) {
    dom::array numbers;
    Point point;
    if (pair.get(numbers) || numbers.at(0).get(point.longitude) || numbers.at(1).get(point.latitude)) return false;
    if (std::abs(point.latitude) > 90 || std::abs(point.longitude) > 180) return false;
    // A point that repeats the one before has no length and no heading.
    if (into.empty() || !(into.back() == point)) into.push_back(point);
  }
  return into.size() >= 2;
}

enum class Ways { along, against, both };

Ways ways_of(dom::element properties) {
  int64_t oneway = 0;
  if (properties["o"].get(oneway)) return Ways::both;
  return oneway == 1 ? Ways::along : oneway == -1 ? Ways::against : Ways::both;
}

class LineReader {
 public:
  void read(dom::element feature) {
    std::string_view type, kind;
    std::vector<Point> points;
    if (feature["geometry"]["type"].get(type) || type != "LineString") return;
    if (!feature["properties"]["k"].get(kind) && kind != "road") return;
    dom::element coordinates, properties;
    if (feature["geometry"]["coordinates"].get(coordinates) || !read_points(coordinates, points)) return;
    const Ways ways = feature["properties"].get(properties) ? Ways::both : ways_of(properties);

    int64_t a = 0, b = 0;
    if (!feature["properties"]["a"].get(a) && !feature["properties"]["b"].get(b)) {
      const uint32_t from = junctions_.by_id(a);
      add(from, junctions_.by_id(b), std::move(points), ways);
      return;
    }
    for (size_t i = 1; i < points.size(); ++i) {
      const uint32_t from = junctions_.by_place(points[i - 1]);
      add(from, junctions_.by_place(points[i]), {points[i - 1], points[i]}, ways);
    }
  }

  uint32_t junctions() const { return junctions_.count(); }

  std::vector<Line> take() {
    std::vector<Line> lines;
    lines.reserve(lines_.size());
    for (auto& [key, line] : lines_) lines.push_back(std::move(line));
    return lines;
  }

 private:
  void add(uint32_t from, uint32_t to, std::vector<Point> points, Ways ways) {
    if (ways != Ways::along) add_one(to, from, {points.rbegin(), points.rend()});
    if (ways != Ways::against) add_one(from, to, std::move(points));
  }
  void add_one(uint32_t from, uint32_t to, std::vector<Point> points) {
    Line line{from, to, std::move(points)};
    // A two-way street may be given once, or once for each direction: then the second one is the same again.
    const auto decimetres = std::llround(line.length_m() * 10);
    if (decimetres > 0) lines_.try_emplace({from, to, decimetres}, std::move(line));
  }

  Junctions junctions_;
  std::map<std::tuple<uint32_t, uint32_t, int64_t>, Line> lines_;
};

using Neighbours = std::vector<std::vector<uint32_t>>;

// Junctions in the order in which a depth-first walk leaves them.
void walk(const Neighbours& next, uint32_t root, std::vector<char>& seen, std::vector<uint32_t>& left) {
  std::vector<std::pair<uint32_t, size_t>> path{{root, 0}};
  seen[root] = 1;
  while (!path.empty()) {
    auto& [junction, tried] = path.back();
    if (tried == next[junction].size()) {
      left.push_back(junction);
      path.pop_back();
      continue;
    }
    const uint32_t to = next[junction][tried++];
    if (seen[to]) continue;
    seen[to] = 1;
    path.emplace_back(to, 0);
  }
}

// The largest set of junctions that can all reach each other (Kosaraju's two walks), as a mark for each junction.
std::vector<char> largest_connected(const std::vector<Line>& lines, uint32_t junctions) {
  Neighbours forward(junctions), backward(junctions);
  for (const Line& line : lines) {
    forward[line.from].push_back(line.to);
    backward[line.to].push_back(line.from);
  }
  std::vector<char> seen(junctions, 0);
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < junctions; ++i)
    if (!seen[i]) walk(forward, i, seen, order);

  std::ranges::fill(seen, 0);
  std::vector<uint32_t> largest, part;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    if (seen[*i]) continue;
    part.clear();
    walk(backward, *i, seen, part);
    if (part.size() > largest.size()) largest.swap(part);
  }
  std::vector<char> mark(junctions, 0);
  for (const uint32_t junction : largest) mark[junction] = 1;
  return mark;
}

double turn_deg(double from, double to) {
  const double turn = std::fabs(std::fmod(to - from + 540, 360) - 180);
  return std::isfinite(turn) ? turn : 180;
}

}  // namespace

double Streets::length_m() const {
  double sum = 0;
  for (const Edge& edge : edges_) sum += edge.length_m;
  return sum;
}

Result<Streets> read_streets(std::string_view geojson) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(geojson.data(), geojson.size()).get(root); error)
    return fail(Code::invalid, std::string("read streets: not JSON: ") + simdjson::error_message(error));
  dom::array features;
  if (root["features"].get(features)) return fail(Code::invalid, "read streets: not a GeoJSON FeatureCollection");

  LineReader reader;
  for (dom::element feature : features) reader.read(feature);
  const uint32_t junctions = reader.junctions();
  const std::vector<Line> lines = reader.take();
  const std::vector<char> kept = largest_connected(lines, junctions);

  Streets streets;
  if (std::string_view attribution; !root["attribution"].get(attribution)) streets.attribution_ = attribution;
  std::vector<uint32_t> number(junctions, 0);
  uint32_t count = 0;
  for (uint32_t i = 0; i < junctions; ++i)
    if (kept[i]) number[i] = count++;
  streets.first_out_.assign(size_t{count} + 1, 0);
  // Lines come sorted by where they begin, and renumbering keeps that order.
  for (const Line& line : lines) {
    if (!kept[line.from] || !kept[line.to]) continue;
    streets.edges_.push_back({.from = number[line.from],
                              .to = number[line.to],
                              .first = static_cast<uint32_t>(streets.points_.size()),
                              .points = static_cast<uint32_t>(line.points.size()),
                              .length_m = line.length_m()});
    streets.points_.insert(streets.points_.end(), line.points.begin(), line.points.end());
    ++streets.first_out_[number[line.from] + 1];
  }
  if (streets.edges_.empty()) return fail(Code::invalid, "read streets: no street in it that one can drive on");
  for (size_t i = 1; i < streets.first_out_.size(); ++i) streets.first_out_[i] += streets.first_out_[i - 1];
  return streets;
}

Result<Streets> unpack_streets(std::string_view packed) {
  if (packed.empty()) packed = porto_streets_gz();
  if (!packed.starts_with("\x1f\x8b")) return read_streets(packed);
  TRY_LET(const std::string geojson, wire::decompress(packed, wire::Compression::gzip, streets_bytes_max));
  return read_streets(geojson);
}

Drive::Drive(const Streets& streets, Random& random) : streets_(streets) {
  edge_ = static_cast<uint32_t>(random.below(streets.edges().size()));
  along_m_ = random.unit() * streets.edges()[edge_].length_m;
}

uint32_t Drive::next_edge(Random& random) const {
  const Streets::Edge& here = streets_.edges()[edge_];
  const Point* points = streets_.points_of(here);
  const double arriving = heading_deg(points[here.points - 2], points[here.points - 1]);
  const uint32_t first = streets_.first_out(here.to), end = streets_.first_out(here.to + 1);
  auto weight = [&](uint32_t candidate) {
    const Streets::Edge& next = streets_.edges()[candidate];
    if (next.to == here.from && end - first > 1) return 0.001;  // turning round
    const Point* way = streets_.points_of(next);
    const double turn = turn_deg(arriving, heading_deg(way[0], way[1]));
    return turn < 30 ? 6.0 : turn < 120 ? 1.5 : 0.1;
  };
  double sum = 0;
  for (uint32_t i = first; i < end; ++i) sum += weight(i);
  double left = random.unit() * sum;
  for (uint32_t i = first; i + 1 < end; ++i) {
    left -= weight(i);
    if (left < 0) return i;
  }
  return end - 1;
}

void Drive::advance(double metres, Random& random) {
  along_m_ += metres;
  while (along_m_ >= streets_.edges()[edge_].length_m) {
    along_m_ -= streets_.edges()[edge_].length_m;
    edge_ = next_edge(random);
  }
}

namespace {

// The piece of the edge on which `along` lies: index of its begin, and how far along the piece, 0 … 1.
std::pair<uint32_t, double> piece_at(const Point* points, uint32_t count, double along_m) {
  for (uint32_t i = 0; i + 1 < count; ++i) {
    const double piece_m = distance_m(points[i], points[i + 1]);
    if (along_m < piece_m || i + 2 == count) return {i, piece_m > 0 ? std::clamp(along_m / piece_m, 0.0, 1.0) : 0.0};
    along_m -= piece_m;
  }
  return {0, 0.0};
}

}  // namespace

Point Drive::at() const {
  const Streets::Edge& edge = streets_.edges()[edge_];
  const Point* points = streets_.points_of(edge);
  const auto [i, share] = piece_at(points, edge.points, along_m_);
  return {points[i].latitude + share * (points[i + 1].latitude - points[i].latitude),
          points[i].longitude + share * (points[i + 1].longitude - points[i].longitude)};
}

double Drive::heading() const {
  const Streets::Edge& edge = streets_.edges()[edge_];
  const Point* points = streets_.points_of(edge);
  const uint32_t i = piece_at(points, edge.points, along_m_).first;
  return heading_deg(points[i], points[i + 1]);
}

}  // namespace waybill::app

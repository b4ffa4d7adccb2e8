// app/streets.h — a street network from GeoJSON, and drives on it that look like a courier's.
//
// Invariant: from every junction of a Streets every other can be reached, so a drive never ends.
// Threads:   a Streets is constant once read; a Drive belongs to one thread.
// Failure:   read_streets: invalid where it is not GeoJSON or has no street that one can drive on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "domain/geo.h"

namespace waybill::app {

inline constexpr size_t streets_bytes_max = size_t{1} << 30;  // unpacked; a larger file is refused

class Streets {
 public:
  struct Edge {
    uint32_t from = 0, to = 0;  // junctions
    uint32_t first = 0;         // of its points
    uint32_t points = 0;        // at least 2
    double length_m = 0;        // along the points
  };

  size_t junctions() const { return first_out_.empty() ? 0 : first_out_.size() - 1; }
  const std::vector<Edge>& edges() const { return edges_; }
  const Point* points_of(const Edge& edge) const { return points_.data() + edge.first; }
  // The edges that leave a junction: indexes [first_out(j), first_out(j + 1)) of edges().
  uint32_t first_out(uint32_t junction) const { return first_out_[junction]; }
  double length_m() const;  // of all edges, each direction by itself
  const std::string& attribution() const { return attribution_; }

 private:
  friend Result<Streets> read_streets(std::string_view geojson);
  std::vector<Edge> edges_;          // sorted by from
  std::vector<uint32_t> first_out_;
  std::vector<Point> points_;
  std::string attribution_;
};

// Reads LineString features. Those with the properties a and b (ids of the nodes at their ends) are edges between these; in
// those without, every point is a junction where another line has the same point. k other than "road" is passed over. o = 1:
// one way along the line; -1: one way against it. What is not connected with the largest part is left out.
Result<Streets> read_streets(std::string_view geojson);

// The built-in streets (Porto) where `packed` is empty; else `packed` is GeoJSON or gzip of it.
Result<Streets> unpack_streets(std::string_view packed);

// A vehicle on the streets: at each junction it takes a next street, straight on more often than a turn, and turns round only
// where there is no other way.
class Drive {
 public:
  Drive(const Streets& streets, Random& random);  // begins at a random place

  void advance(double metres, Random& random);
  Point at() const;
  double heading() const;  // 0 … 360 degrees
  uint32_t edge() const { return edge_; }

 private:
  uint32_t next_edge(Random& random) const;
  const Streets& streets_;
  uint32_t edge_ = 0;
  double along_m_ = 0;  // on the edge
};

}  // namespace waybill::app

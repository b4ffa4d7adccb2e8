// wire/track_out.h — a track as GeoJSON (RFC 7946), GPX 1.1 and CSV (RFC 4180).
#pragma once

#include <span>
#include <string>

#include "domain/location.h"

namespace waybill::wire {

// A Feature: LineString with properties {name, coordTimes, …} (a Point for one location, null geometry for none).
std::string track_geojson(const std::string& name, std::span<const Location> track);
// trk/trkseg/trkpt with time; a new segment where the gap between two fixes is longer than gap_max.
inline constexpr Duration gap_max = std::chrono::minutes(5);
std::string track_gpx(const std::string& name, std::span<const Location> track);
// Header and rows: order_id, deliverer_id, delivery_state, timestamp, latitude, longitude, speed, accuracy, altitude, heading,
// sent_at, received_at, event_id, attributes.
std::string track_csv(std::span<const Location> track);

}  // namespace waybill::wire

#include "app/phone_links.h"

#include "base/base64.h"
#include "serve/http.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

std::string owntracks_link(const std::string& url, const std::string& deliverer, const std::string& token) {
  constexpr int http_mode = 3;
  wire::JsonWriter json;
  json.begin_object().key("_type").text("configuration").key("mode").integer(http_mode);
  json.key("url").text(url + "/pub").key("username").text(deliverer).key("deviceId").text("phone");
  json.key("auth").boolean(!token.empty());
  if (!token.empty()) json.key("usePassword").boolean(true).key("password").text(token);
  json.end_object();
  return "owntracks:///config?inline=" + serve::percent_encoded(base64(json.take()));
}

}  // namespace

std::vector<PhoneLink> phone_links(const std::string& url, const std::string& deliverer, const std::string& token) {
  const std::string id = serve::percent_encoded(deliverer);
  const std::string who = token.empty() ? "id=" + id : "token=" + serve::percent_encoded(token);
  const std::string server = token.empty() ? url + "/" : url + "/?" + who;
  std::string overland = "overland://setup?url=" + serve::percent_encoded(url + "/overland") + "&device_id=" + id;
  if (!token.empty()) overland += "&token=" + serve::percent_encoded(token);
  return {
      {.app = "owntracks", .what = "OwnTracks: open it on the phone", .text = owntracks_link(url, deliverer, token)},
      {.app = "traccar",
       .what = "Traccar Client 9: open it on the phone; others: its url, decoded, is the server URL",
       .text = "org.traccar.client://config?url=" + serve::percent_encoded(server) + "&id=" + id},
      {.app = "overland", .what = "Overland: open it on the phone", .text = std::move(overland)},
      {.app = "gpslogger",
       .what = "GPSLogger: the address of its custom URL",
       .text = url + "/osmand?" + who +
               "&lat=%LAT&lon=%LON&altitude=%ALT&accuracy=%ACC&speed=%SPD&bearing=%DIR&sat=%SAT"
               "&timestamp=%TIMESTAMP&batt=%BATT&aid=%AID&speed_unit=mps"},
      {.app = "osmand",
       .what = "OsmAnd: the web address of its online tracking",
       .text = url + "/osmand?" + who +
               "&lat={0}&lon={1}&timestamp={2}&hdop={3}&altitude={4}&speed={5}&bearing={6}&eta={7}&etfa={8}"
               "&eda={9}&edfa={10}&speed_unit=mps"},
  };
}

}  // namespace waybill::app

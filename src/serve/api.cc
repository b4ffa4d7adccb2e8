#include "serve/api.h"

namespace waybill::serve {

std::vector<Route> api_routes(const ApiParts& parts) {
  std::vector<Route> routes = write_routes(parts);
  for (auto theme : {phone_routes, read_routes, live_routes, system_routes, access_routes, backup_routes, hook_routes,
                     query_routes, lake_routes, erasure_routes})
    for (Route& route : theme(parts)) routes.push_back(std::move(route));
  return routes;
}

}  // namespace waybill::serve

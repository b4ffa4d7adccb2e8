// app/upgrade.h — `waybill upgrade`: brings a data folder of an older format to this program's.
//
// Delivery: FORMAT is written last, when the books balance; killed anywhere before, the folder is what it was to whoever
//           reads FORMAT, and the next upgrade begins again. Run on an upgraded folder it changes nothing.
// Failure:  conflict where a process writes the folder; corrupt where the books differ: FORMAT stays.
#pragma once

#include "app/config.h"

namespace waybill::app {

// Says on standard output what it does.
Result<void> run_upgrade(const Config& config);

}  // namespace waybill::app

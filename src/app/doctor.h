// app/doctor.h — `waybill doctor`: looks at disk, clock, limits, port, folder and settings, and says what to do.
#pragma once

#include <string>

#include "app/config.h"
#include "base/clock.h"

namespace waybill::app {

// To standard output, a finding as it is made; true where nothing is a problem. Settings that cannot be read (`loaded` is an
// error) are a problem, and the machine alone is looked at. Writes one small file to measure the disk and removes it; changes
// nothing else, also beside the process that serves.
bool run_doctor(const Result<LoadedConfig>& loaded, Clock& clock);

}  // namespace waybill::app

// app/keep_record.h — a record that a command keeps while no process serves the folder: it goes the way that it goes when one does.
#pragma once

#include "app/config.h"
#include "app/data_folder.h"
#include "base/position.h"
#include "wire/record.h"

namespace waybill::app {

// Durable in journal and store then, with all that the store did not have before it.
Result<Position> keep_record(const Config& config, const DataFolder& folder, const wire::Record& record);

}  // namespace waybill::app

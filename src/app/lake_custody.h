// app/lake_custody.h — how far the lake has come: with one position, and with its tables, by what its catalog says.
//
// Threads: pure functions.
#pragma once

#include "lake/catalog.h"
#include "serve/api.h"

namespace waybill::app {

serve::LakeCustody custody_in(const lake::Snapshot& lake, uint32_t partition, const serve::LakePlace& place);

// Rows of raw.deliverer_location that came, in whole files, since treated.location was made; all of them where it never was.
uint64_t rows_not_treated(const lake::Snapshot& lake);

}  // namespace waybill::app

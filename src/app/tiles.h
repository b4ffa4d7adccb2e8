// app/tiles.h — the map tiles that the settings name, else those of the streets that come with Waybill.
//
// Threads: an archive is read from any thread.
// Failure: invalid where the file is no PMTiles archive of version 3; what the system says where it cannot be opened.
#pragma once

#include "app/config.h"
#include "base/files.h"
#include "serve/tiles.h"

namespace waybill::app {

Result<serve::TileArchive> open_tiles(const Config& config, Files& files);

}  // namespace waybill::app

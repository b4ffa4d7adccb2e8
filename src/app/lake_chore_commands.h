// app/lake_chore_commands.h — `waybill lake compact|expire|purge|verify`: by the process that serves the folder, or here where none does.
#pragma once

#include "app/subcommands.h"

namespace waybill::app {

void add_lake_chores(CLI::App& command, const std::shared_ptr<Run>& chosen);

}  // namespace waybill::app

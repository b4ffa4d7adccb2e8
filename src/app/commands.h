// app/commands.h — the command line: what `waybill` can be told, each with its help.
#pragma once

namespace waybill::app {

// Returns the exit code: 0 done, 1 it did not work (the reason is on standard error), 2 the command line was wrong.
int run_command_line(int argc, char** argv);

}  // namespace waybill::app

// app/model_files.h — the models of models/ that are part of the binary.
//
// Threads: from any thread.
#pragma once

#include "transform/model.h"

namespace waybill::app {

transform::ModelFiles built_in_models();

// The files of a folder of models, as built_in_models() gives them.
Result<transform::ModelFiles> models_of_folder(const std::string& folder);

}  // namespace waybill::app

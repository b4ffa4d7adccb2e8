#include "app/model_files.h"

#include "base/files.h"

// MODEL_LIST is a file that CMake makes: a MODEL_FILE line for each file of models/. The assembler takes them in.
#define MODEL_FILE(name, path)                          \
  asm(".pushsection .rodata\n"                          \
      ".global waybill_model_" #name                    \
      "_begin\n"                                        \
      "waybill_model_" #name                            \
      "_begin:\n"                                       \
      ".incbin \"models/" path                          \
      "\"\n"                                            \
      ".global waybill_model_" #name                    \
      "_end\n"                                          \
      "waybill_model_" #name                            \
      "_end:\n"                                         \
      ".popsection\n");                                 \
  extern "C" const char waybill_model_##name##_begin[]; \
  extern "C" const char waybill_model_##name##_end[];
#include MODEL_LIST
#undef MODEL_FILE

namespace waybill::app {

transform::ModelFiles built_in_models() {
  return {
#define MODEL_FILE(name, path) {path, {waybill_model_##name##_begin, waybill_model_##name##_end}},
#include MODEL_LIST
#undef MODEL_FILE
  };
}

Result<transform::ModelFiles> models_of_folder(const std::string& folder) {
  transform::ModelFiles files;
  for (const std::string zone : {"treated", "final"}) {
    const auto listed = system_files().list(join_path(folder, zone));
    if (!listed && listed.error().code == Code::not_found) continue;
    if (!listed) return std::unexpected(listed.error());
    for (const FileInfo& info : *listed) {
      TRY_LET(files[join_path(zone, info.name)],
              read_file(system_files(), join_path(join_path(folder, zone), info.name)));
    }
  }
  if (files.empty()) return fail(Code::not_found, folder + ": has no models in treated/ or final/");
  return files;
}

}  // namespace waybill::app

# lensbench_embed_templates(OUTPUT FOLDER) writes OUTPUT, a C++ file that contains all files of
# FOLDER/tool and FOLDER/experiment (framework/cli/project/project_templates.hpp).
function(lensbench_embed_templates output folder)
  file(GLOB files RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/tool/* ${folder}/experiment/*)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${file})
    file(READ ${folder}/${file} text)
    get_filename_component(kind ${file} DIRECTORY)
    get_filename_component(name ${file} NAME)
    string(APPEND entries "    {\"${kind}\", \"${name}\", R\"template(${text})template\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[#include "cli/project/project_templates.hpp"

namespace lensbench::cli {
namespace {

constexpr ProjectTemplate kTemplates[] = {
@entries@};

}  // namespace

std::span<const ProjectTemplate> project_templates() {
  return kTemplates;
}

}  // namespace lensbench::cli
]])
endfunction()

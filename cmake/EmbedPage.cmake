# lensbench_embed_page(OUTPUT FOLDER) bundles the script and the style of the page of
# `lensbench report` (FOLDER/main.js with the modules that it imports, FOLDER/base/start.js, which
# unpacks that script and runs it, FOLDER/page.css) and of the live
# page of `lensbench serve` (FOLDER/live/main.js, FOLDER/live/live.css in addition to the other style),
# and writes OUTPUT, a C++ file that contains them (framework/report/page/page_source.hpp).
option(LENSBENCH_REPORT "Build the page of `lensbench report`, which needs esbuild and a module of d3" ON)
set(LENSBENCH_JS_MODULES "" CACHE PATH "Folder of node modules with d3-array (Debian: /usr/share/nodejs)")

# Finds esbuild and the folder of modules; ends with an error that names the packages.
function(lensbench_find_page_tools)
  find_program(LENSBENCH_ESBUILD esbuild)
  set(modules d3-array)
  set(folder "${LENSBENCH_JS_MODULES}")
  if(NOT folder)
    set(folder /usr/share/nodejs)
  endif()
  set(missing "")
  if(NOT LENSBENCH_ESBUILD)
    list(APPEND missing esbuild)
  endif()
  foreach(module IN LISTS modules)
    if(NOT EXISTS "${folder}/${module}/package.json")
      list(APPEND missing "${folder}/${module}")
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    message(FATAL_ERROR "The page of `lensbench report`: not found: ${missing}. "
      "Install the Debian packages esbuild and node-d3-array, name another folder of node "
      "modules with -DLENSBENCH_JS_MODULES=DIR, or build without the page: -DLENSBENCH_REPORT=OFF.")
  endif()
  set(LENSBENCH_MODULE_FOLDER "${folder}" PARENT_SCOPE)
endfunction()

function(lensbench_embed_page output folder)
  set(write ${CMAKE_SOURCE_DIR}/cmake/WritePage.cmake)
  if(NOT LENSBENCH_REPORT)
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -P ${write}
      DEPENDS ${write} COMMENT "Leaving out the page of lensbench report" VERBATIM)
    return()
  endif()
  lensbench_find_page_tools()
  file(GLOB_RECURSE modules CONFIGURE_DEPENDS ${folder}/*.js)
  get_filename_component(build ${output} DIRECTORY)
  set(scripts ${build}/page.js ${build}/start.js ${build}/live.js)
  set(styles ${build}/page.css ${build}/live.css)
  # The oldest browsers that can unpack the data of a page (DecompressionStream).
  set(options --minify --charset=utf8 --log-level=warning --target=chrome103,firefox113,safari16.4)
  add_custom_command(OUTPUT ${output} ${scripts} ${styles}
    COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${LENSBENCH_MODULE_FOLDER} ${LENSBENCH_ESBUILD}
      ${folder}/main.js --bundle --format=iife --define:LIVE=false ${options} --outfile=${build}/page.js
    COMMAND ${LENSBENCH_ESBUILD} ${folder}/base/start.js --bundle --format=iife ${options}
      --outfile=${build}/start.js
    COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${LENSBENCH_MODULE_FOLDER} ${LENSBENCH_ESBUILD}
      ${folder}/live/main.js --bundle --format=iife --define:LIVE=true ${options} --outfile=${build}/live.js
    COMMAND ${LENSBENCH_ESBUILD} ${folder}/page.css ${options} --outfile=${build}/page.css
    COMMAND ${LENSBENCH_ESBUILD} ${folder}/live/live.css ${options} --outfile=${build}/live.css
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DBUILD=${build}
      -DLICENCES=${folder}/licences.txt -P ${write}
    DEPENDS ${modules} ${folder}/page.css ${folder}/live/live.css ${folder}/licences.txt ${write}
    COMMENT "Bundling the page of lensbench report" VERBATIM)
  install(FILES ${folder}/licences.txt DESTINATION share/doc/lensbench RENAME licences-of-the-page.txt
          COMPONENT documents)
endfunction()

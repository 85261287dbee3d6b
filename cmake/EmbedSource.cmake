# Writes OUTPUT, a C++ file with the text of INPUT in section `lensbench_source`, where the bench reads
# it.
file(READ ${INPUT} text HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${text}")
string(REGEX REPLACE "(('.....?',){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT}
  "extern \"C\" {\n"
  "__attribute__((visibility(\"hidden\"))) extern const char lensbench_plugin_source_text[];\n"
  "__attribute__((section(\"lensbench_source\"), used))\n"
  "const char lensbench_plugin_source_text[] = {\n${bytes}0};\n"
  "}\n")

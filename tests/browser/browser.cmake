# Opens pages of `lensbench report` and the live page of `lensbench serve` in Chromium (Debian: chromium
# chromium-driver python3-selenium, and poppler-utils for the test of printing). Skipped where they are not
# installed. No other test runs at the same time, because times are compared.
if(LENSBENCH_REPORT AND LENSBENCH_SYSTEM_PYTHON)
  add_test(NAME page_browser COMMAND ${LENSBENCH_SYSTEM_PYTHON} -B
    ${CMAKE_CURRENT_SOURCE_DIR}/browser/browser_test.py ${CMAKE_BINARY_DIR}/framework/report_page)
  add_test(NAME live_browser COMMAND ${LENSBENCH_SYSTEM_PYTHON} -B
    ${CMAKE_CURRENT_SOURCE_DIR}/browser/live_test.py $<TARGET_FILE:lensbench_command>
    ${CMAKE_SOURCE_DIR}/models/kjv-gpt2)
  set_tests_properties(page_browser live_browser PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77
    RUN_SERIAL ON)
endif()

#include "cli/report_errors.hpp"

#include <exception>
#include <iostream>
#include <lensbench/error.hpp>

namespace lensbench::cli {

int report_errors(const std::function<int()>& work) {
  try {
    const int code = work();
    std::cout.flush();
    if (!std::cout) throw RunError("standard output: cannot be written");
    return code;
  } catch (const Error& error) {
    std::cerr << "lensbench: " << error.what() << "\n";
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::cerr << "lensbench: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "lensbench: " << error.what() << "\n";
  }
  return 5;
}

}  // namespace lensbench::cli

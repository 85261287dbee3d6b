#include "cli/report_errors.hpp"

#include <exception>
#include <iostream>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::cli {

/// The only place at which exceptions end: each command throws, and scripts get exit codes 1 to 5
/// (see `kExitCodes`) and one sentence.
int report_errors(const std::function<int()>& work) {
  try {
    const int code = work();
    // A full disk or a closed pipe shows at the flush; results that were not written are an error.
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
    // Code of a plug-in may throw anything.
  } catch (const std::string& text) {
    std::cerr << "lensbench: " << text << "\n";
  } catch (...) {
    std::cerr << "lensbench: code of a plug-in threw something that is not a std::exception\n";
  }
  return 5;
}

}  // namespace lensbench::cli

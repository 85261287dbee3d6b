#include "core/foreign_exception.hpp"

#include <c10/util/Exception.h>

#include <exception>

namespace lensbench {

std::string text_of_foreign_exception() {
  try {
    throw;
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return error.what();
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text;
  } catch (...) {
    return "it threw something that is not a std::exception";
  }
}

}  // namespace lensbench

#include "serve/engine.hpp"

namespace lensbench::serve {

Engine::~Engine() = default;

}  // namespace lensbench::serve

// Tokenizes texts for tests/parity/tokenizer_parity.py: each line of the input is one text in
// hexadecimal (so that it may hold any bytes), each line of the output one JSON object.
#include <charconv>
#include <exception>
#include <iostream>
#include <lensbench/tokenizer.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace {

std::string from_hex(const std::string& line) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(line.data() + i, line.data() + i + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

nlohmann::json describe(const lensbench::Tokenizer& tokenizer, const std::string& text) {
  const auto encoding = tokenizer.encode(text);
  return {{"ids", encoding.ids},
          {"offsets", encoding.offsets},
          {"plain_ids", tokenizer.encode(text, false).ids},
          {"decoded", tokenizer.decode(encoding.ids)},
          {"decoded_plain", tokenizer.decode(encoding.ids, true)}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tokenize_lines MODEL_DIRECTORY < HEX_LINES\n";
    return 2;
  }
  try {
    const auto tokenizer = lensbench::Tokenizer::open(argv[1]);
    if (!tokenizer) throw std::runtime_error(std::string(argv[1]) + ": no tokenizer");
    for (std::string line; std::getline(std::cin, line);) {
      nlohmann::json result;
      try {
        result = describe(*tokenizer, from_hex(line));
      } catch (const std::exception& error) {
        result = {{"error", error.what()}};
      }
      std::cout << result.dump() << '\n';
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 3;
  }
}

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/config.hpp"
#include "model/families/family.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"

// A setting of config.json is followed, refused, or of no consequence; none is overlooked. The
// fields are those of each family's configuration class in transformers
// (tests/parity/config_fields.py).

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using nlohmann::json;

json read_data(const std::string& path) {
  return json::parse(std::ifstream(testing::data_folder() + "/" + path));
}

std::string message_about(const json& changed) {
  return message_of<InputError>([&] {
    const ConfigReader config(changed, "config.json");
    find_family(config).read_spec(config);
  });
}

TEST(ConfigFields, OfEveryFamilyAreReadUnlessTheyChangeNothing) {
  const json facts = read_data("config_fields.json");
  const auto harmless = facts["harmless"].get<std::vector<std::string>>();
  std::size_t families = 0, read_fields = 0;
  for (const auto& [model_type, family] : facts["families"].items()) {
    ++families;
    const json sample = read_data("models/" + family["sample"].get<std::string>() + "/config.json");
    ASSERT_EQ(sample["model_type"], model_type);
    for (const std::string field : family["fields"]) {
      if (std::find(harmless.begin(), harmless.end(), field) != harmless.end()) continue;
      json changed = sample;
      changed[field] = "no such value";
      EXPECT_THAT(message_about(changed), ::testing::HasSubstr(field))
          << model_type << " overlooks " << field;
      ++read_fields;
    }
  }
  EXPECT_EQ(families, model_families().size());
  EXPECT_GT(read_fields, 10 * families);
}

TEST(ConfigFields, OfTextAndTowerAreReadUnlessTheyChangeNothing) {
  const json facts = read_data("config_fields.json");
  const auto harmless = facts["harmless"].get<std::vector<std::string>>();
  std::size_t read_fields = 0;
  for (const auto& [model_type, family] : facts["families"].items()) {
    if (!family.contains("parts")) continue;
    const json sample = read_data("models/" + family["sample"].get<std::string>() + "/config.json");
    for (const auto& [part, fields] : family["parts"].items())
      for (const std::string field : fields) {
        if (std::find(harmless.begin(), harmless.end(), field) != harmless.end()) continue;
        json changed = sample;
        changed[part][field] = "no such value";
        EXPECT_THAT(message_about(changed), ::testing::HasSubstr(field))
            << model_type << " overlooks " << field << " of " << part;
        ++read_fields;
      }
  }
  EXPECT_GT(read_fields, 40);
}

}  // namespace
}  // namespace lensbench

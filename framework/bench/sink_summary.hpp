#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <map>
#include <string>
#include <vector>

#include "bench/runner.hpp"

namespace lensbench {

/// Results of cases in a sink, for reading. The arguments of the constructor must outlive it.
class EarlierResults : public Summary {
 public:
  EarlierResults(const ResultSink& sink, const std::vector<std::int64_t>& cases,
                 const std::vector<CaseInput>& inputs, const Parameters& parameters,
                 std::uint64_t seed)
      : sink_(sink), cases_(cases), inputs_(inputs), parameters_(parameters), seed_(seed) {}

  const std::vector<std::int64_t>& cases() const override { return cases_; }
  const CaseInput& input(std::int64_t case_number) const override;
  Dataset dataset(std::int64_t case_number, const std::string& name) const override;
  /// \throws UsageError always: only `Experiment::finish` saves datasets over all cases
  void save(const std::string& name, Dataset dataset) override;
  const Parameters& parameters() const override { return parameters_; }
  std::uint64_t seed() const override { return seed_; }

 protected:
  /// Names that the cases saved, from the first case.
  std::vector<std::string> names_of_cases() const;

 private:
  const ResultSink& sink_;
  const std::vector<std::int64_t>& cases_;
  const std::vector<CaseInput>& inputs_;
  const Parameters& parameters_;
  std::uint64_t seed_;
};

/// Results of all cases, to which `Experiment::finish` adds its own.
class FinalSummary final : public EarlierResults {
 public:
  /// \param saved  receives what is saved
  FinalSummary(const ResultSink& sink, const std::vector<std::int64_t>& cases,
               const std::vector<CaseInput>& inputs, const Parameters& parameters,
               std::uint64_t seed, std::map<std::string, Dataset>& saved)
      : EarlierResults(sink, cases, inputs, parameters, seed), saved_(saved) {}

  void save(const std::string& name, Dataset dataset) override;

 private:
  std::map<std::string, Dataset>& saved_;
};

}  // namespace lensbench

#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <lensbench/export.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/request.hpp>
#include <lensbench/tool.hpp>
#include <lensbench/uses.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

/// Input of one case: a prompt and its further fields.
struct CaseInput {
  /// Id, unique in the run: from the prompts file, else `prompt-1`, `ids-1`, `line-1`, …
  std::string id;
  std::string text;                           ///< the prompt; empty if ids are given
  std::vector<std::int64_t> ids;              ///< token ids; empty if text is given
  std::map<std::string, std::string> fields;  ///< other keys of a JSONL line, values as text
};

/// Results of all cases of a pass, for statistics over cases.
class LENSBENCH_API Summary {
 public:
  virtual ~Summary();

  /// Numbers of the completed cases, in order.
  virtual const std::vector<std::int64_t>& cases() const = 0;
  /// Input of a case: id, prompt, and other fields of its JSONL line.
  /// \throws UsageError for a number that is not in `cases`
  virtual const CaseInput& input(std::int64_t case_number) const = 0;
  /// Dataset that one case saved. \throws UsageError if the case did not save one of that name
  virtual Dataset dataset(std::int64_t case_number, const std::string& name) const = 0;
  /// Stores a dataset over all cases under `/results/<name>`.
  virtual void save(const std::string& name, Dataset dataset) = 0;
  virtual const Parameters& parameters() const = 0;  ///< parameters of the experiment
  virtual std::uint64_t seed() const = 0;            ///< seed of the run

  /// Field of a case's JSONL line; empty if the line does not have it.
  /// \throws UsageError under the conditions of `input`
  std::optional<std::string> field(std::int64_t case_number, const std::string& name) const;
  /// Value of a field -> numbers of the completed cases that have it, in order. Cases without the
  /// field are left out. `groups("label")` groups by label.
  std::map<std::string, std::vector<std::int64_t>> groups(const std::string& field) const;
  /// Ids of the completed cases, in order.
  std::vector<std::string> ids() const;
  /// Calls `visit` with every completed case, in order, and the dataset that it saved; each is read
  /// once. \throws UsageError under the conditions of `dataset`
  void for_each(const std::string& name,
                const std::function<void(std::int64_t case_number, const Dataset&)>& visit) const;
};

/// One case during its run: its input and its results.
class LENSBENCH_API Case {
 public:
  ~Case();
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  std::int64_t index() const;            ///< number of the case, from 0
  const std::string& id() const;         ///< `prompt-1`, …
  const Model& model() const;            ///< model of the run
  const Parameters& parameters() const;  ///< parameters of the experiment
  /// Seed of the run (`--seed`); add the case's index for draws of its own.
  std::uint64_t seed() const;

  /// The prompt as the model sees it.
  const Tokens& tokens() const;
  /// Whether the case has a second prompt.
  bool has_corrupted() const;
  /// Second prompt of a case that compares two: its field `corrupted` (text) or `corrupted_ids`,
  /// else the experiment's parameter of that name. \throws UsageError if there is none
  const Tokens& corrupted() const;
  /// Target from field `target` of the case, else from the experiment's parameter `target`, else
  /// the model's own prediction. \throws UsageError under the conditions of `parse_target`
  Target target() const;
  /// Value of another field of the case's JSONL line; empty if the line does not have it.
  std::optional<std::string> field(const std::string& name) const;

  /// Request with everything that this case has: tokens, second prompt, target, fields, seed.
  /// \param parameters  values for the tool that will be asked: `tool->parameters({...})`
  /// \throws UsageError under the conditions of `target` and `corrupted`
  Request request(Parameters parameters) const;

  /// Context of another model, to which an experiment attaches its tools (`Tool::attach`). It has
  /// the seed of the run and keeps the activations of one case; each model has one until the run
  /// ends. The context of the run's own model is that of the run.
  /// \throws UsageError without a model
  Context& context_of(const std::shared_ptr<const Model>& model) const;

  /// Number of the pass, from 0.
  std::int64_t pass() const;
  /// Results of the passes before this one. \throws UsageError in the first pass
  const Summary& earlier() const;

  /// Stores a dataset under `/results/<name>`; the runner joins the datasets of all cases.
  /// \throws UsageError if this case already saved a dataset of that name, or for a name that is
  ///   not [A-Za-z][A-Za-z0-9_]*; RunError for a dataset that violates a convention: an axis
  ///   `token`, `layer`, `block`, `head`, `component` or `rank` without its coordinates, missing
  ///   units, NaN in a coordinate or in a variable whose long_name does not give the meaning of
  ///   NaN, infinity in a variable whose long_name does not name it
  void save(const std::string& name, Dataset dataset);

 private:
  friend struct CaseAccess;
  struct State;
  explicit Case(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Base of experiment classes. Declare tools as `Uses<...>` members; `run` is called once per case.
/// The order of the virtual functions is part of the plug-in API.
class LENSBENCH_API Experiment {
 public:
  virtual ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  /// Runs one case: calls the tools and saves their results. An exception marks this case as
  /// failed; the other cases still run.
  virtual void run(Case& c) = 0;
  /// Computes statistics over the saved datasets of all cases, after the last case of the last
  /// pass. It may call the tools.
  virtual void finish(Summary& summary);

  /// Number of passes over the cases. In a later pass, `Case::earlier` has the results of the
  /// passes before, so that what was averaged over some cases can be evaluated on others. Datasets
  /// of a later pass need names of their own.
  /// \param parameters  parameters of the experiment
  virtual std::int64_t passes(const Parameters& parameters) const;

  /// Statistics over some of the cases, in a form that `combine` joins; empty: not supported.
  /// Reserved for runs with very many cases: this version does not call it.
  virtual std::optional<Dataset> partial(const Summary& some) const;
  /// Statistics over the cases of both arguments. Reserved, as `partial`.
  virtual Dataset combine(const Dataset& first, const Dataset& second) const;

  /// Throws UsageError or InputError if the values cannot be used with the model or the tools. The
  /// bench calls it once before the first case, after the checks that `Tool::check_parameters`
  /// names. By default each tool checks the parameters that have the name and the type of one of
  /// its own, together with the defaults of its others. An experiment that passes on values under
  /// other names, fixes other values than the defaults, or reads files and models of its own,
  /// overrides it; it may keep what it has opened. \param parameters  parameters of the experiment
  /// \param model       model of all cases
  virtual void check_parameters(const Parameters& parameters, const Model& model);

 protected:
  Experiment() = default;

 private:
  friend class ToolSlot;
  friend struct SlotAccess;
  std::vector<ToolSlot*> slots_;
  std::vector<std::string> failed_tools_;
};

}  // namespace lensbench

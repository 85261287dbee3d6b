#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <lensbench/export.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tool.hpp>
#include <map>
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

/// One case during its run: its input and its results.
class LENSBENCH_API Case {
 public:
  /// For the runner. The arguments must outlive this object.
  Case(std::int64_t index, const CaseInput& input, Context& context, const Parameters& parameters);

  std::int64_t index() const { return index_; }                 ///< number of the case, from 0
  const std::string& id() const { return input_.id; }           ///< `prompt-1`, …
  const Model& model() const { return context_.model(); }       ///< model of the run
  const Parameters& parameters() const { return parameters_; }  ///< parameters of the experiment
  /// Seed of the run (`--seed`); add the case's index for draws of its own.
  std::uint64_t seed() const { return context_.seed(); }

  /// The prompt as the model sees it.
  const Tokens& tokens() const { return tokens_; }
  /// Target from field `target` of the case, else from the experiment's parameter `target`, else
  /// the model's own prediction. \throws UsageError under the conditions of `parse_target`
  Target target() const;
  /// Value of another field of the case's JSONL line; empty if the line does not have it.
  std::optional<std::string> field(const std::string& name) const;

  /// Stores a dataset under `/results/<name>`; the runner joins the datasets of all cases.
  /// \throws UsageError if this case already saved a dataset of that name, or for a name that is
  /// not
  ///   [A-Za-z][A-Za-z0-9_]*; RunError for a dataset that violates a convention: an axis `token`,
  ///   `layer`, `head`, `component` or `rank` without its coordinates, missing units, NaN in a
  ///   coordinate or in a variable whose long_name does not give the meaning of NaN
  void save(const std::string& name, Dataset dataset);

  /// Datasets that were saved so far.
  const std::map<std::string, Dataset>& saved() const { return saved_; }

 private:
  std::int64_t index_;
  const CaseInput& input_;
  Context& context_;
  const Parameters& parameters_;
  Tokens tokens_;
  std::map<std::string, Dataset> saved_;
};

/// Results of all cases, for statistics over cases after the last case.
class LENSBENCH_API Summary {
 public:
  virtual ~Summary();

  /// Numbers of the completed cases, in order.
  virtual const std::vector<std::int64_t>& cases() const = 0;
  /// Dataset that one case saved. \throws UsageError if the case did not save one of that name
  virtual Dataset dataset(std::int64_t case_number, const std::string& name) const = 0;
  /// Stores a dataset over all cases under `/results/<name>`.
  virtual void save(const std::string& name, Dataset dataset) = 0;
  virtual const Parameters& parameters() const = 0;  ///< parameters of the experiment
};

class Experiment;

/// Observer of all tool calls through slots, with which the bench measures their cost.
class LENSBENCH_API ToolMeter {
 public:
  virtual ~ToolMeter();
  /// A call of this tool begins.
  virtual void begin(const std::string& tool) = 0;
  /// The most recent call that began has ended.
  virtual void end() noexcept = 0;
};

/// A tool that an experiment declares. The bench binds it before the first case.
class LENSBENCH_API ToolSlot {
 public:
  /// \param owner      experiment that has this slot as a member
  /// \param tool_name  registered name of the tool
  ToolSlot(Experiment* owner, std::string tool_name);
  virtual ~ToolSlot();
  ToolSlot(const ToolSlot&) = delete;
  ToolSlot& operator=(const ToolSlot&) = delete;

  const std::string& tool_name() const { return tool_name_; }  ///< registered name of the tool
  /// Binds the slot to a tool. \return false if the tool does not implement the slot's interface
  virtual bool bind(Tool& tool) = 0;
  /// Sets the observer of calls through this slot; nullptr disables it.
  void set_meter(ToolMeter* meter) { meter_ = meter; }

 private:
  friend class ToolCall;
  Experiment* owner_;
  std::string tool_name_;
  ToolMeter* meter_ = nullptr;
};

/// Scope of one tool call, with which the bench attributes exceptions and costs to tools.
class LENSBENCH_API ToolCall {
 public:
  /// Begins a call of the slot's tool.
  explicit ToolCall(const ToolSlot& slot);
  /// Ends the call; adds the tool to the experiment's `failed_tools` if an exception ends it.
  ~ToolCall();
  ToolCall(const ToolCall&) = delete;
  ToolCall& operator=(const ToolCall&) = delete;

 private:
  const ToolSlot& slot_;
  ToolMeter* meter_;
  int exceptions_before_;
};

/// Declares a tool as a member: `Uses<LogitLens> lens{this, "logit_lens"};`
template <class Interface>
class Uses final : public ToolSlot {
 public:
  using ToolSlot::ToolSlot;

  bool bind(Tool& tool) override {
    tool_ = dynamic_cast<Interface*>(&tool);
    return tool_ != nullptr;
  }
  /// Calls the tool. The archive stores time and memory of the call as this tool's cost. If one
  /// expression calls several tools, the first tool is charged.
  /// \throws RunError before the bench bound the slot (for example in a constructor)
  auto operator->() const { return Call(*this, get()); }
  /// The tool itself; its calls are measured only as part of the case.
  /// \throws RunError under the conditions of `operator->`
  Interface& operator*() const { return get(); }

 private:
  /// Temporary object of `tool->call()`, which exists until the end of the expression.
  class Call : public ToolCall {
   public:
    /// Begins a call of `tool`.
    Call(const Uses& slot, Interface& tool) : ToolCall(slot), tool_(tool) {}
    /// The tool.
    Interface* operator->() const { return &tool_; }

   private:
    Interface& tool_;
  };

  Interface& get() const {
    if (tool_ == nullptr)
      throw RunError("tool '" + tool_name() +
                     "': used before the bench bound it; use tools in run(), not in a constructor");
    return *tool_;
  }
  Interface* tool_ = nullptr;
};

/// Base of experiment classes. Declare tools as `Uses<...>` members; `run` is called once per case.
class LENSBENCH_API Experiment {
 public:
  virtual ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  /// Runs one case: calls the tools and saves their results. An exception marks this case as
  /// failed; the other cases still run.
  virtual void run(Case& c) = 0;
  /// Computes statistics over the saved datasets of all cases, after the last case.
  virtual void finish(Summary& summary);

  /// Tools declared as members, in the order of declaration.
  const std::vector<ToolSlot*>& tool_slots() const { return slots_; }
  /// Names of the tools that the most recent expression with tools called, if an exception ended
  /// it; empty if it ended normally.
  const std::vector<std::string>& failed_tools() const { return failed_tools_; }

 protected:
  Experiment() = default;

 private:
  friend class ToolSlot;
  friend class ToolCall;
  std::vector<ToolSlot*> slots_;
  std::vector<std::string> failed_tools_;
};

}  // namespace lensbench

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

/// What one case is given: a prompt with its other fields.
struct CaseInput {
  /// Unique in the run; `prompt-1`, `ids-1`, `line-1`, … unless the prompts file says.
  std::string id;
  std::string text;                           ///< the prompt; empty when ids were given
  std::vector<std::int64_t> ids;              ///< token ids as they are; empty when text was given
  std::map<std::string, std::string> fields;  ///< other keys of a JSONL line, values as text
};

/// One case while it runs: what was asked, and where to put results.
class LENSBENCH_API Case {
 public:
  /// Made by the runner; what it is given outlives it.
  Case(std::int64_t index, const CaseInput& input, Context& context, const Parameters& parameters);

  std::int64_t index() const { return index_; }                 ///< number of the case, from 0
  const std::string& id() const { return input_.id; }           ///< `prompt-1`, …
  const Model& model() const { return context_.model(); }       ///< of the run
  const Parameters& parameters() const { return parameters_; }  ///< of the experiment
  /// Seed of the run (`--seed`); add the case's index for draws of its own.
  std::uint64_t seed() const { return context_.seed(); }

  /// The prompt as the model sees it.
  const Tokens& tokens() const { return tokens_; }
  /// Field `target` of the case, else the experiment's parameter `target` if it has one, else the
  /// model's own prediction. \throws UsageError as `parse_target`
  Target target() const;
  /// Another field of a JSONL line.
  std::optional<std::string> field(const std::string& name) const;

  /// Keeps a dataset under `/results/<name>`; the runner joins those of all cases.
  /// \throws UsageError if this case already saved one of that name, or for a name that is not
  ///   [A-Za-z][A-Za-z0-9_]*; RunError for a dataset that breaks a promise: an axis `token`,
  ///   `layer`, `head`, `component` or `rank` without its coordinates, no units, a NaN in a
  ///   coordinate or in a variable whose long_name does not say what NaN means
  void save(const std::string& name, Dataset dataset);

  const std::map<std::string, Dataset>& saved() const { return saved_; }  ///< so far

 private:
  std::int64_t index_;
  const CaseInput& input_;
  Context& context_;
  const Parameters& parameters_;
  Tokens tokens_;
  std::map<std::string, Dataset> saved_;
};

/// All cases after the last one ran, for statistics over them.
class LENSBENCH_API Summary {
 public:
  virtual ~Summary();

  /// Cases that completed, in order, by number.
  virtual const std::vector<std::int64_t>& cases() const = 0;
  /// What one case saved, read back. \throws UsageError if it saved nothing of that name
  virtual Dataset dataset(std::int64_t case_number, const std::string& name) const = 0;
  /// Keeps a dataset over all cases under `/results/<name>`.
  virtual void save(const std::string& name, Dataset dataset) = 0;
  virtual const Parameters& parameters() const = 0;  ///< of the experiment
};

class Experiment;

/// Told of every call of a tool through its slot: the bench's clock.
class LENSBENCH_API ToolMeter {
 public:
  virtual ~ToolMeter();
  /// A call of this tool begins.
  virtual void begin(const std::string& tool) = 0;
  /// The latest call that began is over.
  virtual void end() noexcept = 0;
};

/// A tool an experiment declares. Bound by the bench before the first case.
class LENSBENCH_API ToolSlot {
 public:
  /// \param owner      the experiment it is a member of
  /// \param tool_name  the name the tool is registered under
  ToolSlot(Experiment* owner, std::string tool_name);
  virtual ~ToolSlot();
  ToolSlot(const ToolSlot&) = delete;
  ToolSlot& operator=(const ToolSlot&) = delete;

  const std::string& tool_name() const { return tool_name_; }  ///< as declared
  /// \return false if the tool does not implement the slot's interface
  virtual bool bind(Tool& tool) = 0;
  /// Who is told of calls through this slot; nullptr: nobody.
  void set_meter(ToolMeter* meter) { meter_ = meter; }

 private:
  friend class ToolCall;
  Experiment* owner_;
  std::string tool_name_;
  ToolMeter* meter_ = nullptr;
};

/// A call of a tool while it runs, so that the bench can say whose call an exception left, and what
/// calls cost.
class LENSBENCH_API ToolCall {
 public:
  /// Begins a call of the slot's tool.
  explicit ToolCall(const ToolSlot& slot);
  /// Ends it; notes the tool in the experiment's `failed_tools` if an exception is on its way.
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
  /// A call, whose time and memory the archive keeps as this tool's. Of calls within one expression
  /// the first one's tool has it all.
  /// \throws RunError when used before the bench bound it (in a constructor, say)
  auto operator->() const { return Call(*this, get()); }
  /// The tool itself; calls through it are not measured apart from the case's.
  /// \throws RunError as `operator->`
  Interface& operator*() const { return get(); }

 private:
  /// `tool->call()` goes through one of these, which lives until the call is over.
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
      throw RunError("tool '" + tool_name() + "' was used before the bench bound it");
    return *tool_;
  }
  Interface* tool_ = nullptr;
};

/// Base of experiment classes. Declare tools as `Uses<...>` members; `run` is called once a case.
class LENSBENCH_API Experiment {
 public:
  virtual ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  /// One case: asks the tools, saves what they answer. What it throws makes this case a failed one;
  /// the others still run.
  virtual void run(Case& c) = 0;
  /// Sees every saved dataset after the last case.
  virtual void finish(Summary& summary);

  /// The tools declared as members, in the order of declaration.
  const std::vector<ToolSlot*>& tool_slots() const { return slots_; }
  /// Names of the tools in the latest expression that an exception left; empty if it was left
  /// normally. More than one if the expression called several.
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

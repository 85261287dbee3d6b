#pragma once

#include <lensbench/error.hpp>
#include <lensbench/export.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace lensbench {

class Experiment;
class ToolMeter;

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
  /// Tool that the slot is bound to; nullptr before `bind`.
  virtual const Tool* bound_tool() const = 0;
  /// Version of the typed interface that the experiment was built with; nullptr for `Tool` itself.
  virtual const char* interface_version() const = 0;

 private:
  friend class ToolCall;
  friend class MeteredSlots;
  Experiment* owner_;
  std::string tool_name_;
  ToolMeter* meter_ = nullptr;
};

/// Scope of one tool call, with which the bench attributes exceptions and costs to tools. Only
/// `Uses` makes it.
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
  const Tool* bound_tool() const override { return tool_; }
  const char* interface_version() const override {
    if constexpr (std::is_same_v<Interface, Tool>) {
      return nullptr;
    } else {
      static_assert(
          requires { Interface::kInterfaceVersion; },
          "the interface of a tool needs static constexpr const char* kInterfaceVersion");
      return Interface::kInterfaceVersion;
    }
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

}  // namespace lensbench

#pragma once

#include <lensbench/error.hpp>
#include <lensbench/export.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace lensbench {

class Experiment;

/// A tool that an experiment declares (see `Uses`). The bench binds it before the first case.
class LENSBENCH_API ToolSlot {
 public:
  virtual ~ToolSlot();
  ToolSlot(const ToolSlot&) = delete;
  ToolSlot& operator=(const ToolSlot&) = delete;

 private:
  template <class Interface>
  friend class Uses;
  friend struct SlotAccess;

  /// Scope of one tool call, with which the bench attributes exceptions and costs to tools.
  class LENSBENCH_API Call {
   public:
    explicit Call(const ToolSlot& slot);
    /// Ends the call; notes the tool as failed if an exception ends it.
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    const ToolSlot& slot_;
    class ToolMeter* meter_;
    int exceptions_before_;
  };

  ToolSlot(Experiment* owner, std::string tool_name);
  /// Binds the slot to a tool. \return false if the tool does not implement the slot's interface
  virtual bool bind(Tool& tool) = 0;
  /// Tool that the slot is bound to; nullptr before `bind`.
  virtual const Tool* bound_tool() const = 0;
  /// Version of the typed interface that the experiment was built with; nullptr for `Tool` itself.
  virtual const char* interface_version() const = 0;

  Experiment* owner_;
  std::string tool_name_;
  class ToolMeter* meter_ = nullptr;
};

/// Declares a tool as a member: `Uses<LogitLens> lens{this, "logit_lens"};`
template <class Interface>
class Uses final : public ToolSlot {
 public:
  /// \param owner      experiment that has this object as a member
  /// \param tool_name  registered name of the tool
  Uses(Experiment* owner, std::string tool_name) : ToolSlot(owner, std::move(tool_name)) {}

  /// Calls the tool. The archive stores time and memory of the call as this tool's cost. If one
  /// expression calls several tools, the first tool is charged.
  /// \throws RunError before the bench bound the slot (for example in a constructor)
  auto operator->() const { return Measured(*this, get()); }
  /// The tool itself; its calls are measured only as part of the case.
  /// \throws RunError under the conditions of `operator->`
  Interface& operator*() const { return get(); }

 private:
  /// Temporary object of `tool->call()`, which exists until the end of the expression.
  class Measured : public ToolSlot::Call {
   public:
    /// Begins a call of `tool`.
    Measured(const Uses& slot, Interface& tool) : ToolSlot::Call(slot), tool_(tool) {}
    /// The tool.
    Interface* operator->() const { return &tool_; }

   private:
    Interface& tool_;
  };

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

  Interface& get() const {
    if (tool_ == nullptr)
      throw RunError("tool '" + tool_name_ +
                     "': used before the bench bound it; use tools in run(), not in a constructor");
    return *tool_;
  }
  Interface* tool_ = nullptr;
};

}  // namespace lensbench

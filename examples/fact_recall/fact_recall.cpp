#include <lensbench/plugin.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/logit_lens.hpp>

class FactRecall : public lensbench::Experiment {
  lensbench::Uses<lensbench::LogitLens> lens{this, "logit_lens"};
  lensbench::Uses<lensbench::LayerAttribution> attribution{this, "layer_attribution"};

 public:
  void run(lensbench::Case& c) override {
    c.save("lens", lens->analyze(c.tokens()));
    c.save("attribution", attribution->to_logit(c.tokens(), c.target()));
  }
};

LENSBENCH_EXPERIMENT(FactRecall, "fact_recall", "1.0.0", "Where does the model know the answer?");

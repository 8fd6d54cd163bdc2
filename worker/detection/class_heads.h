// The class rows of a detector's two heads, when a training starts from weights of other classes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

namespace loupe::detection {

class FasterRcnn;

// What became of the classes, by name.
struct ClassMatch {
  std::vector<std::string> matched;
  std::vector<std::string> dropped;  // of the weights, not of the model
  std::vector<std::string> fresh;    // of the model, not of the weights

  // One line, e.g. "2 classes matched by name; dropped: hole; fresh: dent". Empty: all matched in the same
  // order.
  std::string Summary() const;
};

// Puts the rows of `cls_score` [1 + C, F] and `bbox_pred` [4 (1 + C), F] into the order of the model's
// classes, by name. A class that the weights lack gets the model's own rows. Heads of another number of rows
// than `weight_classes` tells are left as they are. weight_classes, model_classes: without background, in
// order of label. Requires: the model has model_classes.size() classes.
ClassMatch MatchClasses(const std::vector<std::string>& weight_classes,
                        const std::vector<std::string>& model_classes, const FasterRcnn& model,
                        std::map<std::string, torch::Tensor>& weights);

}  // namespace loupe::detection

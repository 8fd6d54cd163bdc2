#include "server/rpc/access.h"

#include <unordered_map>

namespace loupe {
namespace {

constexpr RoleSet kEvery(v1::ANNOTATOR, v1::ENGINEER, v1::VIEWER, v1::WORKER, v1::ADMIN);
constexpr RoleSet kEngineers(v1::ENGINEER, v1::ADMIN);
constexpr RoleSet kLabelling(v1::ANNOTATOR, v1::ENGINEER, v1::ADMIN);
constexpr RoleSet kReading(v1::ENGINEER, v1::VIEWER, v1::ADMIN);
constexpr RoleSet kWeights(v1::ENGINEER, v1::VIEWER, v1::ADMIN, v1::WORKER);
constexpr RoleSet kWorkers(v1::WORKER, v1::ADMIN);
constexpr RoleSet kAdmins(v1::ADMIN);

const std::unordered_map<std::string_view, RoleSet>& Table() {
  static const auto& table = *new std::unordered_map<std::string_view, RoleSet>({
      {"ProjectService.CreateProject", kEngineers},
      {"ProjectService.RenameProject", kEngineers},
      {"ProjectService.RenameClass", kEngineers},
      {"ProjectService.SetClassDisplay", kEngineers},
      {"ProjectService.SetIntensityRange", kEngineers},
      {"ProjectService.SetQualityControl", kEngineers},
      {"ProjectService.AddClass", kEngineers},
      {"ProjectService.RetireClass", kEngineers},
      {"ProjectService.DeleteProject", kAdmins},
      {"ProjectService.SetGuidelines", kEngineers},
      {"ProjectService.GetGuidelines", kEvery},
      {"ProjectService.GetProject", kEvery},
      {"ProjectService.ListProjects", kEvery},
      {"ProjectService.GetStatus", kEvery},
      {"ImageService.Import", kEngineers},
      {"ImageService.ListImages", kReading},
      {"ImageService.SearchImages", kReading},
      {"ImageService.ExcludeImage", kEngineers},
      {"ImageService.RestoreImage", kEngineers},
      {"ImageService.RemoveImage", kEngineers},
      {"ImageService.ReadImage", kEvery},
      {"ImageService.ExportLabels", kReading},
      {"UploadService.FindUploads", kEngineers},
      {"UploadService.UploadPart", kEngineers},
      {"UploadService.ImportUploads", kEngineers},
      {"UploadService.DropUploads", kEngineers},
      {"ImageService.ExcludeImages", kEngineers},
      {"ImageService.RestoreImages", kEngineers},
      {"ImageService.FindSimilarImages", kReading},
      {"LabelingService.NextTasks", kLabelling},
      {"LabelingService.ListOpenTasks", kLabelling},
      {"LabelingService.OpenTask", kLabelling},
      {"LabelingService.Submit", kLabelling},
      {"LabelingService.Skip", kLabelling},
      {"LabelingService.Release", kLabelling},
      {"LabelingService.Renew", kLabelling},
      {"LabelingService.ListAnswers", kLabelling},
      {"LabelingService.GetOwnWork", kLabelling},
      {"LabelingService.Withdraw", kEngineers},
      {"LabelingService.ListWithdrawals", kReading},
      {"LabelingService.UndoWithdrawal", kEngineers},
      {"LabelingService.ListQueue", kReading},
      {"LabelingService.GetQueueSummary", kReading},
      {"LabelingService.RequestReviews", kEngineers},
      {"LabelingService.AssignImages", kEngineers},
      {"LabelingService.CancelRequests", kEngineers},
      {"LabelingService.SetGoldImages", kEngineers},
      {"LabelingService.PauseReviewer", kEngineers},
      {"LabelingService.ResumeReviewer", kEngineers},
      {"ProvenanceService.GetImageProvenance", kReading},
      {"ProvenanceService.GetBoxProvenance", kReading},
      {"ProvenanceService.GetModelProvenance", kReading},
      {"ProvenanceService.VerifyHistory", kReading},
      {"ProvenanceService.CreateCheckpoint", kReading},
      {"ProvenanceService.VerifyCheckpoint", kReading},
      {"ProvenanceService.WatchEvents", kReading},
      {"ProvenanceService.QueryBoxes", kReading},
      {"ProvenanceService.ExportBoxes", kReading},
      {"ProvenanceService.GetLabelStats", kReading},
      {"InsightService.GetCurve", kReading},
      {"InsightService.CheckLabels", kReading},
      {"InsightService.EstimatePool", kReading},
      {"InsightService.GetPrediction", kReading},
      {"InsightService.CompareModels", kReading},
      {"InsightService.ListModelDifferences", kReading},
      {"InsightService.GetModelQuality", kReading},
      {"InsightService.ListBoxMatches", kReading},
      {"InsightService.GetLabelQuality", kReading},
      {"InsightService.ListDisagreements", kReading},
      {"InsightService.ListLabelErrors", kReading},
      {"StorageService.GetStorage", kAdmins},
      {"StorageService.CollectStorage", kAdmins},
      {"StorageService.VerifyStorage", kAdmins},
      {"SessionService.CreateLoginLink", kEvery},
      {"SessionService.ListSessions", kEvery},
      {"SessionService.EndSession", kEvery},
      {"TokenService.CreateToken", kAdmins},
      {"TokenService.ListTokens", kAdmins},
      {"TokenService.RevokeToken", kAdmins},
      {"RoundService.SubmitRound", kEngineers},
      {"RoundService.PlanRound", kEngineers},
      {"RoundService.DescribeRecipe", kEvery},
      {"RoundService.GetRound", kEvery},
      {"RoundService.ListRounds", kEvery},
      {"RoundService.CancelRound", kEngineers},
      {"RoundService.WatchRound", kEvery},
      {"RoundService.GetRoundLog", kReading},
      {"ModelService.ListModels", kEvery},
      {"ModelService.GetModel", kEvery},
      {"ModelService.ImportModel", kEngineers},
      {"ModelService.ExportModel", kWeights},
      {"ModelService.PromoteModel", kEngineers},
      {"ModelService.RollbackModel", kEngineers},
      {"GET /metrics", kReading},
      {"WorkerService.LeaseJob", kWorkers},
      {"WorkerService.Heartbeat", kWorkers},
      {"WorkerService.ReleaseJob", kWorkers},
      {"WorkerService.ReadSnapshot", kWorkers},
      {"WorkerService.ReadJobImages", kWorkers},
      {"WorkerService.ReadBlob", kWorkers},
      {"WorkerService.WriteBlob", kWorkers},
      {"WorkerService.SaveCheckpoint", kWorkers},
      {"WorkerService.DropCheckpoint", kWorkers},
      {"WorkerService.UploadPredictions", kWorkers},
      {"WorkerService.SetImageAside", kWorkers},
      {"WorkerService.CompleteJob", kWorkers},
      {"WorkerService.FailJob", kWorkers},
  });
  return table;
}

}  // namespace

std::optional<RoleSet> RolesOf(std::string_view method) {
  const auto found = Table().find(method);
  if (found == Table().end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> AllMethods() {
  std::vector<std::string_view> methods;
  for (const auto& [method, roles] : Table()) methods.push_back(method);
  return methods;
}

}  // namespace loupe

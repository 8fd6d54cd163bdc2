-- Names of strategies exist in recipe/strategies.h alone; the coordinator refuses others before it stores one.

ALTER TABLE project DROP CONSTRAINT project_strategy_check;

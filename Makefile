# Every command of the project; `make` alone lists them. PYTHON=… names the interpreter the environment is made from.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
JOBS ?= 2
export PYTHON ?= python3

.PHONY: help setup setup-test setup-conformance demo test lint format pytest soak conformance outputs lock clean

help: ## 列出全部命令 / list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## 安装运行所需的一切（缺什么装什么）/ install what running needs
	@scripts/setup.sh run

setup-test: ## 安装运行与检查所需的一切 / install what running and checking need
	@scripts/setup.sh test

setup-conformance: ## 安装版式归档检查所需的一切 / and what make conformance needs
	@scripts/setup.sh conformance

demo: setup ## 完整演示：导入、分级、清单、承诺书、签名、归档、验证 → out/demo / the whole job on samples
	@$(BIN)/liangze demo

test: setup-test ## 全部检查 / every check
	@$(MAKE) --no-print-directory --jobs 2 lint pytest

lint: setup-test ## 格式、静态检查、类型、层次 / format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

pytest: setup-test ## 测试（不含长时间测试）/ the tests, without the long ones
	$(BIN)/pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m "not soak and not conformance"

soak: setup-test ## 长时间测试 / the long tests
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m soak

conformance: setup-conformance ## 用 veraPDF、PDFBox 和 Bouncy Castle 检查文书与签名 / files and signatures by other programs
	$(BIN)/pytest -m conformance tests/conformance
	$(BIN)/pytest tests/verification/test_sm2_letters.py -k "openssl or pyhanko"

outputs: setup-test ## 重做 samples/outputs 和 docs/images/kinds / rebuild the sample outputs and their pictures
	$(BIN)/python samples/make_outputs.py

format: setup-test ## 整理代码格式 / format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python scripts/errors_doc.py

lock: ## 重写依赖锁定文件（UPGRADE=1 取最新版本）/ rewrite the lock files
	scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## 删除生成的文件（保留 var/、out/）/ remove made files; var/ and out/ stay
	rm -rf .venv .fonts build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find service tests samples scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +

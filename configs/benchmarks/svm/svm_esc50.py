# A linear SVM on frozen features of sound (Arandjelovic and Zisserman, 2017; Korbar et al., 2018) on one of the five
# folds of ESC-50; their mean is the result to report.
protocol = dict(
    title="linear SVM on sound", metric="svm/top1", seeds=[0],
    dataset="../../_base_/datasets/esc50.py")
svm = dict(type="SVMProbe", C=[1e-3, 1e-2, 1e-1, 1], column="feature_audio")
test_evaluator = dict(type="FeatureMetric", probes=dict(svm=svm), collapse=False)
